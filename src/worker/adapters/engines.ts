/**
 * Which engine runs a bundle: the first of those built in that can. Our own reads `encoder.bin`; a bundle without that
 * file, or a runtime without relaxed SIMD, is left to the next. A bundle that an engine has run and found wrong
 * (self-test) is refused, and no other engine tries it. A bundle whose manifest names a remote engine runs on that alone.
 */
import { type BundleFiles, verifyBundle, verifyManifest } from "../../adapter/bundle.ts";
import { loadRanker, type StartEngine } from "../../adapter/load.ts";
import type { FileRole } from "../../adapter/manifest.ts";
import type { Ranker } from "../../adapter/ranker.ts";
import { httpScorer } from "../../adapter/remote/httpScorer.ts";
import { loadRemoteRanker } from "../../adapter/remote/remoteRanker.ts";
import type { RemoteEngine, TextScorer } from "../../adapter/remote/textScorer.ts";
import { workersAiScorer } from "../../adapter/remote/workersAiScorer.ts";
import { fail, type Result } from "../../adapter/result.ts";
import type { PublicKeys } from "../../adapter/signature.ts";
import { aiGateway } from "../../net/aiBinding.ts";
import type { Config } from "../config/parts.ts";
import type { LoadRanker } from "./shelf.ts";
import type { BundleFault } from "./source.ts";

/** A way to run the encoder. */
export interface EngineKind {
  readonly name: string;
  /** The files it reads. */
  readonly roles: readonly FileRole[];
  /** It reads and checks them itself as they come from the store. */
  readonly streams?: boolean;
  readonly start: StartEngine;
}

/** The engine elsewhere that a manifest names; null where this deployment has not set it up. */
export type FindRemote = (engine: RemoteEngine) => TextScorer | null;

type Loaded = Result<Ranker, BundleFault>;
type Expected = Parameters<LoadRanker>[1];

export class EngineChoice {
  readonly #engines: readonly [EngineKind, ...EngineKind[]];
  readonly #signedBy: PublicKeys | null;
  readonly #findRemote: FindRemote;
  #running: string;

  /** @param engines in the order of preference */
  constructor(
    engines: readonly [EngineKind, ...EngineKind[]],
    signedBy: PublicKeys | null,
    findRemote: FindRemote = () => null,
  ) {
    this.#engines = engines;
    this.#signedBy = signedBy;
    this.#findRemote = findRemote;
    this.#running = engines[0].name;
  }

  /** Name of the engine of the bundle loaded last; of the preferred one before that. */
  get running(): string {
    return this.#running;
  }

  /** Loads a bundle on the first engine that can run it; the failure is that of the last one tried. */
  async load(files: BundleFiles, expect: Expected): Promise<Loaded> {
    const manifest = await verifyManifest(files, { expect, signedBy: this.#signedBy });
    if (!manifest.ok) return manifest;
    if (manifest.value.engine !== undefined) {
      return this.#loadElsewhere(manifest.value.engine, files, expect);
    }
    const [preferred, ...others] = this.#engines;
    let loaded = await this.#loadOn(preferred, files, expect);
    for (const engine of others) {
      if (loaded.ok || !cannotRun(loaded.failure)) break;
      loaded = await this.#loadOn(engine, files, expect);
    }
    return loaded;
  }

  async #loadElsewhere(
    engine: RemoteEngine,
    files: BundleFiles,
    expect: Expected,
  ): Promise<Loaded> {
    const bundle = await verifyBundle(files, { expect, keep: [], signedBy: this.#signedBy });
    if (!bundle.ok) return bundle;
    const scorer = this.#findRemote(engine);
    if (scorer === null) return fail({ kind: "remote_unconfigured" });
    const loaded = await loadRemoteRanker(bundle.value.manifest, scorer);
    if (loaded.ok) this.#running = engine.kind;
    return loaded;
  }

  async #loadOn(engine: EngineKind, files: BundleFiles, expect: Expected): Promise<Loaded> {
    const keep: readonly FileRole[] = ["tokenizer", ...(engine.streams ? [] : engine.roles)];
    const leave = engine.streams ? engine.roles : [];
    const bundle = await verifyBundle(files, { expect, keep, leave, signedBy: this.#signedBy });
    if (!bundle.ok) return bundle;
    const loaded = await loadRanker(bundle.value, engine.start);
    if (loaded.ok) this.#running = engine.name;
    return loaded;
  }
}

/**
 * Logits that are not finite mean damaged weights: that is a fault of the bundle, and no other engine hides it. Memory
 * that the preferred engine does not get is not there for one that needs more either.
 */
function cannotRun(failure: BundleFault): boolean {
  if (failure.kind === "engine_failed") {
    return failure.reason !== "not_finite" && failure.reason !== "out_of_memory";
  }
  return failure.kind === "role_missing";
}

/** Null where it is not set up here: a bundle can ask for a kind of engine, and never for an address. */
export function remoteScorer(engine: RemoteEngine, config: Config): TextScorer | null {
  const { ai, rerankServer, rerankTimeoutMs: timeoutMs } = config;
  if (engine.kind === "http") {
    if (rerankServer === null) return null;
    return httpScorer({ ...rerankServer, model: engine.model ?? null, timeoutMs });
  }
  if (ai === null) return null;
  const { model, scores: scale } = engine;
  return workersAiScorer({ ai, model, scale, gateway: aiGateway(config.aiGatewayId), timeoutMs });
}
