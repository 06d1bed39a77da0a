/**
 * The adapter that an isolate serves: found by its pointer in R2, loaded beside the requests, swapped in when its
 * self-test passes. The one mutable state of the Worker. A request never waits for a look at the pointer; only the
 * very first ones find nothing loaded, and their LLM writes meanwhile. What is refused leaves the old one serving.
 * A version whose engine fails is started afresh.
 */
import type { BundleFiles, BundleStore } from "../adapter/bundle.ts";
import { endsEngine } from "../adapter/engine.ts";
import {
  type Pointer,
  type PointerFailure,
  parsePointer,
  pointerSignatureFailure,
} from "../adapter/pointer.ts";
import type { Ranker } from "../adapter/ranker.ts";
import { isRemoteFailure } from "../adapter/remote/failure.ts";
import { fail, type Result } from "../adapter/result.ts";
import type { PublicKeys } from "../adapter/signature.ts";
import type { AdapterFault, BundleFault } from "./adapterFault.ts";

/** Reads, checks, starts and self-tests a bundle. */
export type LoadRanker = (
  files: BundleFiles,
  expect: { readonly adapter: string; readonly version: string },
) => Promise<Result<Ranker, BundleFault>>;

/** `ctx.waitUntil`: keeps work alive after the response, and after a client that left. */
export type WaitUntil = (work: Promise<unknown>) => void;

export interface AdapterHostOptions {
  readonly store: BundleStore;
  readonly adapter: string;
  readonly channel: string;
  readonly intervalMs: number;
  /** A pointer must be signed by one of them; null: signatures are not looked at. */
  readonly signedBy: PublicKeys | null;
  readonly load: LoadRanker;
  /** Told of every fault, and of every version that begins to serve (null). */
  readonly onChange: (fault: AdapterFault | null) => void;
}

/** What `/readyz` says. */
export interface AdapterStatus {
  readonly name: string;
  readonly channel: string;
  readonly ranker: Ranker | null;
  readonly version: string | null;
  readonly serial: number | null;
  /** What is wrong: why nothing is served, or why a newer version is not. */
  readonly fault: AdapterFault | null;
}

/** A look whose request was killed never ends; after this time another may begin. */
const STALE_LOOK_MS = 60_000;

export class AdapterHost {
  readonly #options: AdapterHostOptions;
  #serving: { readonly ranker: Ranker; readonly version: string } | null = null;
  /** Of the pointer that serves. */
  #serial: number | null = null;
  /** No pointer with a lower serial is followed any more: the highest that served, or that was signed. */
  #floor = -1;
  #etag: string | null = null;
  /** Of the pointer with `#etag`: stays until the pointer changes. */
  #refusal: AdapterFault | null = null;
  /** Of the last look alone. */
  #transient: AdapterFault | null = null;
  /** The version to be started afresh because its engine failed, and that fault, until it is done. */
  #fallen: { readonly version: string; readonly fault: AdapterFault } | null = null;
  #restartedAt = Number.NEGATIVE_INFINITY;
  /** Without waiting for the next look's time. */
  #restartDue = false;
  #lookedAt: number | null = null;
  #look: { readonly done: Promise<void>; readonly since: number } | null = null;

  constructor(options: AdapterHostOptions) {
    this.#options = options;
  }

  get name(): string {
    return this.#options.adapter;
  }

  /** The ranker that serves now, or null. */
  peek(): Ranker | null {
    return this.#serving?.ranker ?? null;
  }

  status(): AdapterStatus {
    const { adapter: name, channel } = this.#options;
    const version = this.#serving?.version ?? null;
    const serial = version === null ? null : this.#serial;
    const fault = this.#fallen?.fault ?? this.#transient ?? this.#refusal;
    return { name, channel, ranker: this.peek(), version, serial, fault };
  }

  /**
   * To be called by every request: looks at the pointer again where the last look is older than the interval.
   * @returns a promise that ends with the look under way; only those who find nothing loaded need to wait for it
   */
  look(waitUntil: WaitUntil): Promise<void> {
    const now = Date.now();
    this.#noteFallen(now, waitUntil);
    if (this.#look !== null && now - this.#look.since < STALE_LOOK_MS) return this.#look.done;
    const fresh = this.#lookedAt !== null && now - this.#lookedAt < this.#options.intervalMs;
    if (fresh && !this.#restartDue) return Promise.resolve();
    const done = this.#refresh(waitUntil).then(() => {
      this.#lookedAt = Date.now();
      // A look taken for lost may end after all, while another is under way.
      if (this.#look?.done === done) this.#look = null;
    });
    this.#look = { done, since: now };
    // Others wait for this promise too, so it must outlive the request that began it.
    waitUntil(done);
    return done;
  }

  async #refresh(waitUntil: WaitUntil): Promise<void> {
    try {
      await this.#restart(waitUntil);
      const { store, adapter, channel } = this.#options;
      const object = await store.pointer(adapter, channel, this.#etag);
      this.#transient = null;
      if (object.kind === "unchanged") return;
      if (object.kind === "absent") {
        this.#transient = this.#told({ kind: "pointer_absent" });
        return;
      }
      const pointer = await this.#read(object.bytes);
      if (pointer.ok) await this.#follow(pointer.value.version, pointer.value.serial, waitUntil);
      else this.#refusal = this.#told(pointer.failure);
      // Only now: where the store or a remote engine failed half-way it is asked again; what was refused is not.
      if (this.#transient === null) this.#etag = object.etag;
    } catch {
      this.#transient = this.#told({ kind: "store_unavailable" });
    }
  }

  /** The pointer, if it is whole and signed as it must be. */
  async #read(bytes: Uint8Array): Promise<Result<Pointer, PointerFailure>> {
    const { adapter, channel, signedBy } = this.#options;
    const pointer = parsePointer(bytes, adapter);
    if (!pointer.ok || signedBy === null) return pointer;
    const failure = await pointerSignatureFailure(pointer.value, channel, signedBy);
    return failure === null ? pointer : fail(failure);
  }

  async #follow(version: string, serial: number, waitUntil: WaitUntil): Promise<void> {
    if (serial < this.#floor) {
      this.#refusal = this.#told({ kind: "pointer_older" });
      return;
    }
    const { store, adapter, load, signedBy } = this.#options;
    // A signed serial counts even where its bundle is refused; anyone who can write can make up another.
    if (signedBy !== null) this.#floor = serial;
    if (this.#serving?.version !== version) {
      const loaded = await load(store.open(adapter, version), { adapter, version });
      if (!loaded.ok) {
        const fault = this.#told({ ...loaded.failure, version });
        if (isRemoteFailure(loaded.failure)) this.#transient = fault;
        else this.#refusal = fault;
        return;
      }
      this.#serve(loaded.value, version, waitUntil);
    }
    this.#serial = serial;
    this.#floor = serial;
    this.#refusal = null;
  }

  #serve(ranker: Ranker, version: string, waitUntil: WaitUntil): void {
    const old = this.#serving;
    this.#serving = { ranker, version };
    this.#fallen = null;
    this.#options.onChange(null);
    if (old !== null) waitUntil(old.ranker.retire());
  }

  /** Takes note of an engine that failed; one that can compute no more serves nobody from here on. */
  #noteFallen(now: number, waitUntil: WaitUntil): void {
    const serving = this.#serving;
    const reason = serving?.ranker.fault() ?? null;
    if (serving === null || reason === null) return;
    const { ranker, version } = serving;
    const fault = { kind: "engine_failed", reason, version } as const;
    if (this.#fallen === null) {
      this.#options.onChange(fault);
      // At once, but not again and again: what brought it down may come back.
      this.#restartDue = now - this.#restartedAt >= this.#options.intervalMs;
    }
    this.#fallen = { version, fault };
    if (!endsEngine(reason)) return;
    this.#serving = null;
    waitUntil(ranker.retire());
  }

  /**
   * Starts the fallen version afresh from the store, where its bytes are checked again: a copy of them in memory would
   * cost an isolate as much as a second engine, for ever. Where memory was short, the next look tries again.
   */
  async #restart(waitUntil: WaitUntil): Promise<void> {
    this.#restartDue = false;
    if (this.#fallen === null) return;
    const { version } = this.#fallen;
    const { store, adapter, load } = this.#options;
    this.#restartedAt = Date.now();
    const loaded = await load(store.open(adapter, version), { adapter, version });
    if (loaded.ok) {
      this.#serve(loaded.value, version, waitUntil);
      return;
    }
    const { failure } = loaded;
    if (failure.kind === "engine_failed" && failure.reason === "out_of_memory") return;
    this.#fallen = null;
    this.#refusal = this.#told({ ...failure, version });
  }

  /** Reports a fault once, not at every look. */
  #told(fault: AdapterFault): AdapterFault {
    const known = this.#transient?.kind === fault.kind || this.#refusal?.kind === fault.kind;
    if (!known) this.#options.onChange(fault);
    return fault;
  }
}
