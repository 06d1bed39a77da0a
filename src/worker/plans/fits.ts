/**
 * What was fitted for plans, from R2. A fitted plan lies there as a bundle without files: `adapters/plan.NAME/VERSION/`
 * has its JSON as `manifest.json`, and the pointer `channels/plan.NAME/stable.json` names the version that is used. So it
 * is published, signed, swapped, rolled back and pinned like an adapter. Without one a plan goes by agreement.
 */
import { type BundleFailure, type BundleStore, signedManifest } from "../../adapter/bundle.ts";
import type { Pointer } from "../../adapter/pointer.ts";
import { fail, ok, type Result } from "../../adapter/result.ts";
import { type PlanFit, parsePlanFit } from "../../adapter/select/planFit.ts";
import type { PublicKeys } from "../../adapter/signature.ts";
import { type WaitUntil, waitAtMost } from "../../net/sharedWork.ts";
import type { AdapterFault } from "../adapters/source.ts";
import { r2BundleStore } from "../adapters/versions.ts";
import { PointerWatch } from "../adapters/watch.ts";
import type { Bindings, Config } from "../config/parts.ts";
import type { Observe } from "../http/log.ts";
import type { EventPoints } from "../http/metrics.ts";

declare module "../http/log.ts" {
  interface LogEvents {
    /** Null: a version is used from now on. */
    plan_fit: { readonly fault: AdapterFault["kind"] | null };
  }
}

declare module "../config/parts.ts" {
  interface Parts {
    /** By the name that plans have in `fit`. */
    readonly planFits: ReadonlyMap<string, FittedPlan>;
  }
}

export const planPoints: Pick<EventPoints, "plan_fit"> = {
  plan_fit: ({ fault }) => ({ indexes: ["plan_fit"], blobs: ["plan_fit", "", fault ?? "", ""] }),
};

/** The name by which the store knows it. No adapter has a dot in its name. */
export function storeName(fit: string): string {
  return `plan.${fit}`;
}

export interface FittedPlanOptions {
  readonly store: BundleStore;
  /** As plans have it in `fit`. */
  readonly name: string;
  /** Age in milliseconds from which the pointer is checked again. */
  readonly intervalMs: number;
  readonly signedBy: PublicKeys | null;
  readonly onChange: (fault: AdapterFault | null) => void;
}

/** How long a request waits, behind the LLM, for the first look, or for one after a long time. */
const LOOK_WAIT_MS = 5_000;
/** Pinned versions that an isolate remembers. */
const MOST_PINNED = 8;

/** One plan's fit, as an isolate knows it. */
export class FittedPlan {
  readonly #options: FittedPlanOptions;
  readonly #watch: PointerWatch;
  readonly #pinned = new Map<string, PlanFit>();
  #fit: PlanFit | null = null;

  constructor(options: FittedPlanOptions) {
    this.#options = options;
    const { store, name, intervalMs, signedBy, onChange } = options;
    this.#watch = new PointerWatch({
      ...{ store, adapter: storeName(name), channel: "stable", intervalMs, signedBy },
      follow: (pointer) => this.#follow(pointer),
      onFault: onChange,
    });
  }

  /** The fit that is used now; null: none. */
  get current(): PlanFit | null {
    return this.#fit;
  }

  /** The fit for one request: of the version that it pins, or the pointer's. Never rejects. */
  async forRequest(pin: string | null, waitUntil: WaitUntil): Promise<PlanFit | null> {
    if (pin !== null) return this.pinned(pin).catch(() => null);
    const checked = this.#watch.begin(waitUntil);
    if (this.#watch.stale) await waitAtMost(checked(), LOOK_WAIT_MS);
    return this.#fit;
  }

  /** A version that is kept; null: there is none of this name, or it is refused. Rejects when the store does. */
  async pinned(version: string): Promise<PlanFit | null> {
    const known = this.#fit?.version === version ? this.#fit : this.#pinned.get(version);
    if (known !== undefined) return known;
    const read = await this.#read(version);
    if (!read.ok) return null;
    const [oldest] = this.#pinned.keys();
    if (this.#pinned.size >= MOST_PINNED && oldest !== undefined) this.#pinned.delete(oldest);
    this.#pinned.set(version, read.value);
    return read.value;
  }

  /** What `/readyz` says, after a look where one is due. */
  async status(waitUntil: WaitUntil) {
    await this.forRequest(null, waitUntil);
    return {
      fit: this.#options.name,
      version: this.#fit?.version ?? null,
      serial: this.#watch.pointer?.serial ?? null,
      fault: this.#watch.fault?.kind ?? null,
    };
  }

  async #follow(pointer: Pointer | null): Promise<AdapterFault | null> {
    const version = pointer?.version ?? null;
    if (version === null || version === this.#fit?.version) return null;
    const read = await this.#read(version);
    if (!read.ok) return { ...read.failure, version };
    this.#fit = read.value;
    this.#options.onChange(null);
    return null;
  }

  async #read(version: string): Promise<Result<PlanFit, BundleFailure>> {
    const { store, name, signedBy } = this.#options;
    const bytes = await signedManifest(store.open(storeName(name), version), signedBy);
    if (!bytes.ok) return bytes;
    const parsed = parsePlanFit(bytes.value);
    if (!parsed.ok) return parsed;
    if (parsed.value.name !== storeName(name)) {
      return fail({ kind: "identity_mismatch", field: "name" });
    }
    if (parsed.value.version !== version) {
      return fail({ kind: "identity_mismatch", field: "version" });
    }
    return ok(parsed.value);
  }
}

/** The fits of all plans that name one. */
export function makePlanFits(
  env: Pick<Bindings, "ADAPTERS">,
  config: Pick<Config, "plans" | "adapterKeys" | "pointerIntervalMs">,
  observe: Observe,
): ReadonlyMap<string, FittedPlan> {
  const { adapterKeys: signedBy, pointerIntervalMs: intervalMs, plans } = config;
  const names = new Set([...plans.values()].flatMap(({ fit }) => fit ?? []));
  const store = r2BundleStore(env.ADAPTERS);
  const onChange = (fault: AdapterFault | null) =>
    observe({ event: "plan_fit", fault: fault?.kind ?? null });
  return new Map(
    [...names].map((name) => [
      name,
      new FittedPlan({ store, name, intervalMs, signedBy, onChange }),
    ]),
  );
}
