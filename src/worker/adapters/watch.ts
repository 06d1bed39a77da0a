/**
 * A channel's pointer as an isolate knows it: looked at again (conditionally, by its etag) beside a request that finds
 * the last look older than the interval. Nothing runs between requests, so there is no other clock.
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
import type { AdapterFault } from "./source.ts";

/** `ctx.waitUntil`: keeps work alive after the response, and after a client that left. */
export type WaitUntil = (work: Promise<unknown>) => void;

export interface PointerWatchOptions {
  readonly store: BundleStore;
  readonly adapter: string;
  readonly channel: Channel;
  readonly intervalMs: number;
  /** A pointer must be signed by one of them; null: signatures are not looked at. */
  readonly signedBy: PublicKeys | null;
  /**
   * Acts on a pointer that is whole, signed and new enough; null: there is none, or no more. A fault that it returns
   * stays until the pointer changes, and the pointer before goes on.
   */
  readonly follow: (
    pointer: Pointer | null,
    waitUntil: WaitUntil,
  ) => Promise<AdapterFault | null> | AdapterFault | null;
  /** Called in every look, last: the pointer may be the same, what depends on it need not. Never rejects. */
  readonly refreshed?: (waitUntil: WaitUntil) => Promise<void>;
  /** Told of every fault, once. */
  readonly onFault: (fault: AdapterFault) => void;
}

/** A look whose request was killed never ends; after this time another may begin. */
const STALE_LOOK_MS = 60_000;
/** So many intervals after a look a request waits for the next one. */
const PATIENCE = 3;
/** With a shorter interval nearly every request would wait. */
const LEAST_INTERVAL_MS = 1_000;

/** The age from which what a look told is not to be relied on. */
export function staleAfterMs(intervalMs: number): number {
  return PATIENCE * Math.max(intervalMs, LEAST_INTERVAL_MS);
}

export class PointerWatch {
  readonly #options: PointerWatchOptions;
  /** The pointer that is followed. */
  #pointer: Pointer | null = null;
  /** No pointer with a lower serial is followed any more: the highest that was followed, or that was signed. */
  #floor = -1;
  #etag: string | null = null;
  /** Of the pointer with `#etag`: stays until the pointer changes. */
  #refusal: AdapterFault | null = null;
  /** Of the last look alone. */
  #transient: AdapterFault | null = null;
  #lookedAt: number | null = null;
  #checking: { readonly done: Promise<void>; readonly since: number } | null = null;

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

  /** The last look is so long ago that a request has to wait for the next one. */
  get stale(): boolean {
    const { intervalMs } = this.#options;
    return this.#lookedAt === null || Date.now() - this.#lookedAt > staleAfterMs(intervalMs);
  }

  /**
   * To be called by every request: looks at the pointer again where the last look is older than the interval.
   * @returns a promise that ends with the look under way; only those who find it `stale` need to wait for it
   */
  refresh(waitUntil: WaitUntil): Promise<void> {
    const now = Date.now();
    if (this.#checking !== null && now - this.#checking.since < STALE_LOOK_MS)
      return this.#checking.done;
    if (this.#lookedAt !== null && now - this.#lookedAt < this.#options.intervalMs) {
      return Promise.resolve();
    }
    const done = this.#check(waitUntil).then(() => {
      this.#lookedAt = Date.now();
      // A look taken for lost may end after all, while another is under way.
      if (this.#checking?.done === done) this.#checking = null;
    });
    this.#checking = { done, since: now };
    // Others wait for this promise too, so it must outlive the request that began it.
    waitUntil(done);
    return done;
  }

  async #check(waitUntil: WaitUntil): Promise<void> {
    const { store, adapter, channel, refreshed } = this.#options;
    try {
      const object = await store.pointer(adapter, channel, this.#etag);
      this.#transient = null;
      if (object.kind === "absent") await this.#absent(waitUntil);
      if (object.kind === "found") {
        const pointer = await this.#read(object.bytes);
        if (pointer.ok) await this.#follow(pointer.value, waitUntil);
        else this.#refusal = this.#told(pointer.failure);
        // Only now: where the store or a remote engine failed half-way it is asked again; what was refused is not.
        if (this.#transient === null) this.#etag = object.etag;
      }
    } catch {
      this.#transient = this.#told({ kind: "store_unavailable" });
    }
    await refreshed?.(waitUntil);
  }

  /** Without its pointer `stable` goes on with what it has; another channel has ended. */
  async #absent(waitUntil: WaitUntil): Promise<void> {
    const { channel, follow } = this.#options;
    if (channel === "stable") {
      this.#transient = this.#told({ kind: "pointer_absent" });
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
    if (pointer.serial < this.#floor) {
      this.#refusal = this.#told({ kind: "pointer_older" });
      return;
    }
    const { signedBy, follow } = this.#options;
    // A signed serial counts even where its bundle is refused; anyone who can write can make up another.
    if (signedBy !== null) this.#floor = pointer.serial;
    const fault = await follow(pointer, waitUntil);
    if (fault !== null) {
      const told = this.#told(fault);
      if (isRemoteFailure(fault)) this.#transient = told;
      else this.#refusal = told;
      return;
    }
    this.#pointer = pointer;
    this.#floor = pointer.serial;
    this.#refusal = null;
  }

  /** Reports a fault once, not at every look. */
  #told(fault: AdapterFault): AdapterFault {
    const known = this.#transient?.kind === fault.kind || this.#refusal?.kind === fault.kind;
    if (!known) this.#options.onFault(fault);
    return fault;
  }
}
