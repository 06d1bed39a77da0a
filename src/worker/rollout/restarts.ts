/**
 * Starting a version afresh whose engine failed while it served: at once, but not again and again, as what brought it
 * down may come back. It is read from the store again, where its bytes are checked: a copy of them in memory would cost
 * an isolate as much as a second engine, for ever.
 */
import type { EngineFailureReason } from "../../adapter/engine.ts";
import type { AdapterFault } from "./adapterFault.ts";
import type { WaitUntil } from "./pointerWatch.ts";
import type { RankerShelf } from "./rankerShelf.ts";

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
  look(version: string, waitUntil: WaitUntil): Promise<void> | null {
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
