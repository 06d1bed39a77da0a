/**
 * Which engine runs a bundle: the first of those built in that can. Our own reads `encoder.bin`; a bundle without
 * that file, or a runtime without relaxed SIMD, is left to the next. A bundle that an engine has run and found wrong
 * (self-test) is refused, not tried elsewhere.
 */
import { type BundleFiles, verifyBundle } from "../adapter/bundle.ts";
import { loadRanker, type StartEngine } from "../adapter/load.ts";
import type { FileRole } from "../adapter/manifest.ts";
import type { Ranker } from "../adapter/ranker.ts";
import type { Result } from "../adapter/result.ts";
import type { PublicKeys } from "../adapter/signature.ts";
import type { BundleFault } from "./adapterFault.ts";
import type { LoadRanker } from "./adapterHost.ts";

/** A way to run the encoder. */
export interface EngineKind {
  readonly name: string;
  /** The files it reads. */
  readonly roles: readonly FileRole[];
  /** It reads and checks them itself as they come from the store. */
  readonly streams?: boolean;
  readonly start: StartEngine;
}

type Loaded = Result<Ranker, BundleFault>;
type Expected = Parameters<LoadRanker>[1];

export class EngineChoice {
  readonly #engines: readonly [EngineKind, ...EngineKind[]];
  readonly #signedBy: PublicKeys | null;
  #running: string;

  /** @param engines in the order of preference */
  constructor(engines: readonly [EngineKind, ...EngineKind[]], signedBy: PublicKeys | null) {
    this.#engines = engines;
    this.#signedBy = signedBy;
    this.#running = engines[0].name;
  }

  /** Name of the engine of the bundle loaded last; of the preferred one before that. */
  get running(): string {
    return this.#running;
  }

  /** Loads a bundle on the first engine that can run it; the failure is that of the last one tried. */
  async load(files: BundleFiles, expect: Expected): Promise<Loaded> {
    const [preferred, ...others] = this.#engines;
    let loaded = await this.#loadOn(preferred, files, expect);
    for (const engine of others) {
      if (loaded.ok || !cannotRun(loaded.failure)) break;
      loaded = await this.#loadOn(engine, files, expect);
    }
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

/** Logits that are not finite mean damaged weights: that is a fault of the bundle, and no other engine hides it. */
function cannotRun(failure: BundleFault): boolean {
  if (failure.kind === "engine_failed") return failure.reason !== "not_finite";
  return failure.kind === "role_missing";
}
