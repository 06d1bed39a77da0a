/**
 * A channel's pointer as an isolate knows it. Each request finds out whether the last check is older than the interval,
 * and if so begins another (conditionally, by the pointer's etag). There is no other clock: between requests nothing runs.
 */
import type { BundleStore } from "../../adapter/bundle.ts";
import {
  type Channel,
  type Pointer,
  type PointerFailure,
  parsePointer,
  pointerSignatureFailure,
} from "../../adapter/pointer.ts";
import { isRemoteFailure } from "../../adapter/remote/textScorer.ts";
import { fail, type Result } from "../../adapter/result.ts";
import type { PublicKeys } from "../../adapter/signature.ts";
import { SingleFlight, type WaitUntil } from "../../net/sharedWork.ts";
import type { AdapterFault } from "./source.ts";

export interface PointerWatchOptions {
  readonly store: BundleStore;
  readonly adapter: string;
  readonly channel: Channel;
  readonly intervalMs: number;
  /** A pointer must be signed by one of them; null: signatures are not checked. */
  readonly signedBy: PublicKeys | null;
  /**
   * Acts on a pointer that is whole, signed and new enough; null: there is none, or no more. A fault that it returns
   * stays until the pointer changes, and the pointer before goes on.
   */
  readonly follow: (
    pointer: Pointer | null,
    waitUntil: WaitUntil,
  ) => Promise<AdapterFault | null> | AdapterFault | null;
  /** Called last in every check: the pointer may be the same when what depends on it is not. Never rejects. */
  readonly checked?: (waitUntil: WaitUntil) => Promise<void>;
  /** Told of every fault, once. */
  readonly onFault: (fault: AdapterFault) => void;
}

/** Longer than a check takes, a bundle's load included. */
const DEAD_CHECK_MS = 60_000;
/** What the last check told is relied on for so many intervals. */
const STALE_INTERVALS = 3;
/** With a shorter interval nearly every request would wait. */
const LEAST_INTERVAL_MS = 1_000;

/** The age from which what a check told is not to be relied on. */
export function staleAfterMs(intervalMs: number): number {
  return STALE_INTERVALS * Math.max(intervalMs, LEAST_INTERVAL_MS);
}

export class PointerWatch {
  readonly #options: PointerWatchOptions;
  readonly #checks = new SingleFlight(DEAD_CHECK_MS);
  #checkedAt: number | null = null;
  /** The pointer that is followed. */
  #pointer: Pointer | null = null;
  /** The highest serial that was followed, or that was signed. No pointer with a lower one is followed any more. */
  #leastSerial = -1;
  #etag: string | null = null;
  /** Of the pointer with `#etag`: stays until the pointer changes. */
  #refusal: AdapterFault | null = null;
  /** Of the last check alone. */
  #transient: AdapterFault | null = null;

  constructor(options: PointerWatchOptions) {
    this.#options = options;
  }

  /** The pointer that is followed; null: none. */
  get pointer(): Pointer | null {
    return this.#pointer;
  }

  /** What is wrong: why there is no pointer, or why a newer one is not followed. */
  get fault(): AdapterFault | null {
    return this.#transient ?? this.#refusal;
  }

  /** The last check is so long ago that a request has to wait for the next one. */
  get stale(): boolean {
    const { intervalMs } = this.#options;
    return this.#checkedAt === null || Date.now() - this.#checkedAt > staleAfterMs(intervalMs);
  }

  /**
   * Checks the pointer where the last check is older than the interval. To be called by every request.
   * @returns waits for the check that is under way, if any. To be called only where its result is needed.
   */
  begin(waitUntil: WaitUntil): () => Promise<void> {
    const { intervalMs } = this.#options;
    const isDue = this.#checkedAt === null || Date.now() - this.#checkedAt >= intervalMs;
    const own = isDue ? this.#checks.begin(() => this.#check(waitUntil), waitUntil) : null;
    return async () => {
      await (own ?? this.#checks.ended(DEAD_CHECK_MS));
    };
  }

  async #check(waitUntil: WaitUntil): Promise<void> {
    const { store, adapter, channel, checked } = this.#options;
    try {
      const object = await store.pointer(adapter, channel, this.#etag);
      this.#transient = null;
      if (object.kind === "absent") await this.#absent(waitUntil);
      if (object.kind === "found") {
        const pointer = await this.#read(object.bytes);
        if (pointer.ok) await this.#follow(pointer.value, waitUntil);
        else this.#refusal = this.#reported(pointer.failure);
        // Only now: where the store or a remote engine failed half-way it is asked again; what was refused is not.
        if (this.#transient === null) this.#etag = object.etag;
      }
    } catch {
      this.#transient = this.#reported({ kind: "store_unavailable" });
    }
    await checked?.(waitUntil);
    this.#checkedAt = Date.now();
  }

  /** Without its pointer `stable` goes on with what it has; another channel has ended. */
  async #absent(waitUntil: WaitUntil): Promise<void> {
    const { channel, follow } = this.#options;
    if (channel === "stable") {
      this.#transient = this.#reported({ kind: "pointer_absent" });
      return;
    }
    this.#etag = null;
    this.#refusal = null;
    if (this.#pointer === null) return;
    this.#pointer = null;
    await follow(null, waitUntil);
  }

  /** The pointer, if it is whole and signed as it must be. */
  async #read(bytes: Uint8Array): Promise<Result<Pointer, PointerFailure>> {
    const { adapter, channel, signedBy } = this.#options;
    const pointer = parsePointer(bytes, adapter, channel);
    if (!pointer.ok || signedBy === null) return pointer;
    const failure = await pointerSignatureFailure(pointer.value, channel, signedBy);
    return failure === null ? pointer : fail(failure);
  }

  async #follow(pointer: Pointer, waitUntil: WaitUntil): Promise<void> {
    if (pointer.serial < this.#leastSerial) {
      this.#refusal = this.#reported({ kind: "pointer_older" });
      return;
    }
    const { signedBy, follow } = this.#options;
    // A signed serial counts even where its bundle is refused; anyone who can write can make up another.
    if (signedBy !== null) this.#leastSerial = pointer.serial;
    const fault = await follow(pointer, waitUntil);
    if (fault !== null) {
      const reported = this.#reported(fault);
      if (isRemoteFailure(fault)) this.#transient = reported;
      else this.#refusal = reported;
      return;
    }
    this.#pointer = pointer;
    this.#leastSerial = pointer.serial;
    this.#refusal = null;
  }

  /** Reports a fault once, not at every check. */
  #reported(fault: AdapterFault): AdapterFault {
    const known = this.#transient?.kind === fault.kind || this.#refusal?.kind === fault.kind;
    if (!known) this.#options.onFault(fault);
    return fault;
  }
}
