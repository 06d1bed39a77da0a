/**
 * The adapter that an isolate serves by default: the version that the pointer of `stable` names. A new version is loaded
 * beside the requests and serves once its self-test has passed. While a new one is refused, the old one goes on.
 *
 * A version whose engine failed while it served is loaded again: at once, but not again and again, as the failure may
 * come back. It is read from the store again and checked like any other. To keep a copy of its bytes would cost an
 * isolate as much memory as a second engine.
 */
import type { BundleStore } from "../../adapter/bundle.ts";
import type { EngineFailureReason } from "../../adapter/engine.ts";
import type { Pointer } from "../../adapter/pointer.ts";
import type { Ranker } from "../../adapter/ranker.ts";
import type { PublicKeys } from "../../adapter/signature.ts";
import { SingleFlight, type WaitUntil } from "../../net/sharedWork.ts";
import type { RankerShelf } from "./shelf.ts";
import type { AdapterFault, RankerSource, Served } from "./source.ts";
import { PointerWatch } from "./watch.ts";

export interface AdapterHostOptions {
  readonly store: BundleStore;
  readonly shelf: RankerShelf;
  readonly adapter: string;
  readonly intervalMs: number;
  /** A pointer must be signed by one of them; null: signatures are not checked. */
  readonly signedBy: PublicKeys | null;
  /** Told of every fault, and of every version that begins to serve (null). */
  readonly onChange: (fault: AdapterFault | null) => void;
}

/** What `/readyz` says. */
export interface AdapterStatus {
  readonly name: string;
  readonly channel: "stable";
  readonly ranker: Ranker | null;
  readonly version: string | null;
  readonly serial: number | null;
  /** Bytes of memory that all versions take which the isolate holds, those of other channels too. */
  readonly heapBytes: number;
  /** What is wrong: why nothing is served, or why a newer version is not. */
  readonly fault: AdapterFault | null;
}

export class AdapterHost implements RankerSource {
  readonly #options: AdapterHostOptions;
  readonly #watch: PointerWatch;
  readonly #restarts: EngineRestarts;
  #version: string | null = null;

  constructor(options: AdapterHostOptions) {
    this.#options = options;
    const { store, adapter, intervalMs, signedBy, onChange } = options;
    this.#watch = new PointerWatch({
      store,
      adapter,
      channel: "stable",
      intervalMs,
      signedBy,
      follow: (pointer, waitUntil) => this.#follow(pointer, waitUntil),
      onFault: onChange,
    });
    this.#restarts = new EngineRestarts({
      ...options,
      serves: (version) => version === this.#version,
    });
  }

  get name(): string {
    return this.#options.adapter;
  }

  /** The version that serves, or is coming back after one that had to go for a newer was refused. */
  get version(): string | null {
    return this.#version;
  }

  /** The last check of the pointer is so long ago that a request has to wait for the next one. */
  get stale(): boolean {
    return this.#watch.stale;
  }

  /** The ranker that serves, unless the last check is too old to rely on. */
  ready(): Served | null {
    return this.stale ? null : this.current();
  }

  /** The ranker that serves now, or null. */
  current(): Served | null {
    const ranker = this.#version === null ? null : this.#options.shelf.ready(this.#version);
    return ranker && { ranker, servedBy: "stable" };
  }

  fault(): AdapterFault | null {
    return this.#restarts.fault ?? this.#watch.fault;
  }

  status(): AdapterStatus {
    const version = this.#version;
    return {
      name: this.name,
      channel: "stable",
      ranker: this.current()?.ranker ?? null,
      version,
      serial: version === null ? null : (this.#watch.pointer?.serial ?? null),
      heapBytes: this.#options.shelf.heapBytes,
      fault: this.fault(),
    };
  }

  /** Does not wait where a ranker is ready. */
  async refresh(waitUntil: WaitUntil): Promise<void> {
    const ended = this.begin(waitUntil);
    if (this.ready() === null) await ended();
  }

  /**
   * Begins the check of the pointer and the restart of the engine that are due, if any.
   * @returns waits until a newer version serves or is refused, and an engine that failed is restarted or given up. To be
   * called only where the result is needed.
   */
  begin(waitUntil: WaitUntil): () => Promise<void> {
    const version = this.#version;
    const restarted = version === null ? null : this.#restarts.begin(version, waitUntil);
    const checked = this.#watch.begin(waitUntil);
    return async () => {
      await Promise.all([restarted?.(), checked()]);
    };
  }

  async #follow(pointer: Pointer | null, waitUntil: WaitUntil): Promise<AdapterFault | null> {
    const { shelf, onChange } = this.#options;
    const version = pointer?.version ?? null;
    const old = this.#version;
    // A new pointer to the same version is one more chance for an engine that could not be restarted.
    if (version === null || (version === old && shelf.ready(old) !== null)) return null;
    const taken = await shelf.take(version, "stable", waitUntil);
    if (!taken.ok) {
      // The old one may have made room for it.
      if (old !== null && shelf.ready(old) === null) await shelf.take(old, "stable", waitUntil);
      return { ...taken.failure, version };
    }
    this.#version = version;
    this.#restarts.forget();
    onChange(null);
    if (old !== null && old !== version) waitUntil(shelf.drop(old, "stable"));
    return null;
  }
}

/** Longer than a restart takes. */
const DEAD_RESTART_MS = 60_000;

interface EngineRestartsOptions
  extends Pick<AdapterHostOptions, "shelf" | "intervalMs" | "onChange"> {
  /** Whether it is still this version that serves. */
  readonly serves: (version: string) => boolean;
}

class EngineRestarts {
  readonly #options: EngineRestartsOptions;
  readonly #restarts = new SingleFlight(DEAD_RESTART_MS);
  #fault: AdapterFault | null = null;
  /** The restart was refused: it is not tried again. */
  #gaveUp = false;
  #restartedAt = Number.NEGATIVE_INFINITY;

  constructor(options: EngineRestartsOptions) {
    this.#options = options;
  }

  /** Why the version that serves has to be restarted, or could not be; null: neither. */
  get fault(): AdapterFault | null {
    return this.#fault;
  }

  /** Another version serves. */
  forget(): void {
    this.#fault = null;
    this.#gaveUp = false;
  }

  /** Begins a restart that is due, if any. @returns waits for the restart that is under way */
  begin(version: string, waitUntil: WaitUntil): () => Promise<void> {
    this.#note(version);
    const isDue =
      this.#fault !== null &&
      !this.#gaveUp &&
      Date.now() - this.#restartedAt >= this.#options.intervalMs;
    const own = isDue
      ? this.#restarts.begin(() => this.#restart(version, waitUntil), waitUntil)
      : null;
    return async () => {
      await (own ?? this.#restarts.ended(DEAD_RESTART_MS));
    };
  }

  /** Notes that the engine has failed, if it has. */
  #note(version: string): void {
    const reason: EngineFailureReason | null = this.#options.shelf.failure(version);
    if (reason === null || this.#gaveUp) return;
    const fault = { kind: "engine_failed", reason, version } as const;
    if (this.#fault === null) this.#options.onChange(fault);
    this.#fault = fault;
  }

  async #restart(version: string, waitUntil: WaitUntil): Promise<void> {
    const { shelf, serves, onChange } = this.#options;
    this.#restartedAt = Date.now();
    try {
      const taken = await shelf.reload(version, "stable", waitUntil);
      if (!serves(version)) {
        // A newer version came while this one was loaded.
        waitUntil(shelf.drop(version, "stable"));
        return;
      }
      if (taken.ok) {
        this.#fault = null;
        onChange(null);
        return;
      }
      const { failure } = taken;
      // Memory may be there the next time.
      if (failure.kind === "engine_failed" && failure.reason === "out_of_memory") return;
      this.#gaveUp = true;
      this.#fault = { ...failure, version };
      onChange(this.#fault);
    } catch {
      // The store failed: tried again after the interval.
    }
  }
}
