/**
 * * The adapter that an isolate serves by default: the version that the pointer of `stable` names, loaded beside the
 * requests, swapped in when its self-test passes. What is refused leaves the old one serving.
 *
 * * Starting a version afresh whose engine failed while it served: at once, but not again and again, as what brought it
 * down may come back. It is read from the store again, where its bytes are checked: a copy of them in memory would cost
 * an isolate as much as a second engine, for ever.
 */
import type { BundleStore } from "../../adapter/bundle.ts";
import type { EngineFailureReason } from "../../adapter/engine.ts";
import type { Pointer } from "../../adapter/pointer.ts";
import type { Ranker } from "../../adapter/ranker.ts";
import type { PublicKeys } from "../../adapter/signature.ts";
import type { WaitUntil } from "../http/waiting.ts";
import type { RankerShelf } from "./shelf.ts";
import type { AdapterFault, RankerSource, Served } from "./source.ts";
import { PointerWatch } from "./watch.ts";

export type { WaitUntil } from "../http/waiting.ts";
export type { LoadRanker } from "./shelf.ts";

export interface AdapterHostOptions {
  readonly store: BundleStore;
  readonly shelf: RankerShelf;
  readonly adapter: string;
  readonly intervalMs: number;
  /** A pointer must be signed by one of them; null: signatures are not looked at. */
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
  readonly #restarts: Restarts;
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
    this.#restarts = new Restarts(options);
  }

  get name(): string {
    return this.#options.adapter;
  }

  /** The version that serves, or is coming back after one that had to go for a newer was refused. */
  get version(): string | null {
    return this.#version;
  }

  /** So old that a request has to wait for the next look. */
  get stale(): boolean {
    return this.#watch.stale;
  }

  /** The ranker that serves, unless the last check of the pointer is too old to rely on. */
  ready(): Served | null {
    return this.#watch.stale ? null : this.current();
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
    const { pointer } = this.#watch;
    const fault = this.fault();
    const version = this.#version;
    const serial = version === null ? null : (pointer?.serial ?? null);
    const ranker = this.current()?.ranker ?? null;
    const { heapBytes } = this.#options.shelf;
    return { name: this.name, channel: "stable", ranker, version, serial, heapBytes, fault };
  }

  /**
   * See `PointerWatch.refresh`: ends when a newer version serves, or is refused; and when one whose engine failed has been
   * started afresh.
   */
  async refresh(waitUntil: WaitUntil): Promise<void> {
    const restarting =
      this.#version === null ? null : this.#restarts.refresh(this.#version, waitUntil);
    await Promise.all([restarting, this.#watch.refresh(waitUntil)]);
  }

  async #follow(pointer: Pointer | null, waitUntil: WaitUntil): Promise<AdapterFault | null> {
    const { shelf, onChange } = this.#options;
    const version = pointer?.version ?? null;
    const old = this.#version;
    // A new pointer to the same version is one more chance for an engine that could not be started afresh.
    if (version === null || (version === old && shelf.ready(old) !== null)) return null;
    const taken = await shelf.take(version, "stable");
    if (!taken.ok) {
      // It had to go for one that is no good.
      if (old !== null && shelf.ready(old) === null) await shelf.take(old, "stable");
      return { ...taken.failure, version };
    }
    this.#version = version;
    this.#restarts.forget();
    onChange(null);
    if (old !== null && old !== version) waitUntil(shelf.drop(old, "stable"));
    return null;
  }
}

/** A restart whose request was killed never ends; after this time another may begin. */
const STALE_RESTART_MS = 60_000;

export interface RestartsOptions {
  readonly shelf: RankerShelf;
  /** Between two restarts, at least. */
  readonly intervalMs: number;
  /** Told of the failure, and of the version that serves again (null). */
  readonly onChange: (fault: AdapterFault | null) => void;
}

export class Restarts {
  readonly #options: RestartsOptions;
  #fallen: { readonly version: string; readonly fault: AdapterFault } | null = null;
  /** It could not be started afresh, and is not tried again. */
  #over = false;
  #restartedAt = Number.NEGATIVE_INFINITY;
  #running: { readonly done: Promise<void>; readonly since: number } | null = null;

  constructor(options: RestartsOptions) {
    this.#options = options;
  }

  /** Why the version that serves has to be started afresh, or could not be; null: neither. */
  get fault(): AdapterFault | null {
    return this.#fallen?.fault ?? null;
  }

  /** Another version serves. */
  forget(): void {
    this.#fallen = null;
    this.#over = false;
  }

  /** To be called by every request: ends when a restart that is due, if any, is done. */
  refresh(version: string, waitUntil: WaitUntil): Promise<void> | null {
    const now = Date.now();
    this.#note(version);
    if (this.#fallen === null || this.#over) return null;
    if (this.#running !== null && now - this.#running.since < STALE_RESTART_MS) {
      return this.#running.done;
    }
    if (now - this.#restartedAt < this.#options.intervalMs) return null;
    this.#restartedAt = now;
    const done = this.#restart(version).then(() => {
      if (this.#running?.done === done) this.#running = null;
    });
    this.#running = { done, since: now };
    // Others wait for it too, so it must outlive the request that began it.
    waitUntil(done);
    return done;
  }

  #note(version: string): void {
    const reason: EngineFailureReason | null = this.#options.shelf.failure(version);
    if (reason === null || this.#over) return;
    const fault = { kind: "engine_failed", reason, version } as const;
    if (this.#fallen === null) this.#options.onChange(fault);
    this.#fallen = { version, fault };
  }

  async #restart(version: string): Promise<void> {
    const { shelf, onChange } = this.#options;
    try {
      const taken = await shelf.renew(version, "stable");
      if (taken.ok) {
        this.#fallen = null;
        onChange(null);
        return;
      }
      const { failure } = taken;
      // Memory may be there the next time.
      if (failure.kind === "engine_failed" && failure.reason === "out_of_memory") return;
      this.#over = true;
      const fault = { ...failure, version };
      this.#fallen = { version, fault };
      onChange(fault);
    } catch {
      // The store failed: tried again after the interval.
    }
  }
}
