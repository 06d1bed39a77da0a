/** What `canary` and `shadow` have in common: a pointer, and a version that is loaded when it is first needed. */
import type { BundleStore } from "../../../adapter/bundle.ts";
import type { Pointer } from "../../../adapter/pointer.ts";
import type { Ranker } from "../../../adapter/ranker.ts";
import type { PublicKeys } from "../../../adapter/signature.ts";
import { SingleFlight, type WaitUntil } from "../../../net/sharedWork.ts";
import type { RankerShelf } from "../shelf.ts";
import type { AdapterFault } from "../source.ts";
import { PointerWatch } from "../watch.ts";

export interface TrialChannelOptions {
  readonly store: BundleStore;
  readonly shelf: RankerShelf;
  readonly adapter: string;
  readonly channel: "canary" | "shadow";
  readonly intervalMs: number;
  readonly signedBy: PublicKeys | null;
  /** Told of every fault, and of every version that begins to serve (null). */
  readonly onChange: (fault: AdapterFault | null) => void;
  /** See `PointerWatch`. */
  readonly checked?: (waitUntil: WaitUntil) => Promise<void>;
}

/** Where there was no room for a version, it is tried again after this time. */
const NO_ROOM_MS = 5_000;
/** Longer than a load takes. */
const DEAD_LOAD_MS = 60_000;

/** A pointer that names a version. */
export type TrialPointer = Pointer & { readonly version: string };

export class TrialChannel {
  readonly watch: PointerWatch;
  readonly #options: TrialChannelOptions;
  readonly #loads = new SingleFlight(DEAD_LOAD_MS);
  #refused: AdapterFault | null = null;
  /** There was no room for it; until when that is not tried again. */
  #noRoom: { readonly fault: AdapterFault; readonly until: number } | null = null;
  /** The version or the fault that `onChange` was told of last. */
  #reported: string | null = null;

  constructor(options: TrialChannelOptions) {
    this.#options = options;
    const { store, adapter, channel, intervalMs, signedBy, checked, onChange } = options;
    this.watch = new PointerWatch({
      store,
      adapter,
      channel,
      intervalMs,
      signedBy,
      follow: (pointer, waitUntil) => this.#follow(pointer, waitUntil),
      ...(checked === undefined ? {} : { checked }),
      onFault: onChange,
    });
  }

  /** The pointer, where it names a version. */
  get pointer(): TrialPointer | null {
    const { pointer } = this.watch;
    return pointer === null || pointer.version === null
      ? null
      : { ...pointer, version: pointer.version };
  }

  /** Why this version cannot serve, or why a newer pointer is not followed. */
  get fault(): AdapterFault | null {
    return this.#refused ?? this.#noRoom?.fault ?? this.watch.fault;
  }

  /** Its version was loaded and refused: not tried again until the pointer changes. */
  get refused(): boolean {
    return this.#refused !== null;
  }

  /** It cannot be loaded now. */
  get blocked(): boolean {
    return this.refused || (this.#noRoom !== null && Date.now() < this.#noRoom.until);
  }

  /** The ranker of its version, where that is loaded; null: it is not. */
  ready(): Ranker | null {
    const { pointer } = this;
    return pointer === null ? null : this.#options.shelf.ready(pointer.version);
  }

  /** The ranker, loaded if need be; null where that cannot be done, or not now. Never rejects. */
  async load(waitUntil: WaitUntil): Promise<Ranker | null> {
    const own = this.#loads.begin(() => this.#load(waitUntil), waitUntil);
    if (own !== null) return own.catch(() => null);
    // After waiting for another request's load, use its result.
    await this.#loads.ended(DEAD_LOAD_MS);
    return this.ready();
  }

  async #load(waitUntil: WaitUntil): Promise<Ranker | null> {
    const { pointer } = this;
    if (pointer === null || this.blocked) return null;
    const { shelf, channel, onChange } = this.#options;
    const { version } = pointer;
    const taken = await shelf.take(version, channel, waitUntil);
    if (this.pointer?.version !== version) {
      // The pointer moved on while this was loading.
      await shelf.drop(version, channel);
      return null;
    }
    this.#noRoom = null;
    if (taken.ok) {
      if (this.#reported !== version) onChange(null);
      this.#reported = version;
      return taken.value;
    }
    const fault = { ...taken.failure, version };
    if (this.#reported !== fault.kind) onChange(fault);
    this.#reported = fault.kind;
    if (fault.kind === "no_room") this.#noRoom = { fault, until: Date.now() + NO_ROOM_MS };
    else this.#refused = fault;
    return null;
  }

  /** Frees its ranker; the pointer stays. */
  async unload(): Promise<void> {
    const { pointer } = this;
    if (pointer !== null) await this.#options.shelf.drop(pointer.version, this.#options.channel);
  }

  #follow(pointer: Pointer | null, waitUntil: WaitUntil): null {
    const old = this.watch.pointer?.version ?? null;
    if (pointer?.serial !== this.watch.pointer?.serial) {
      this.#refused = null;
      this.#noRoom = null;
    }
    if (old !== null && old !== pointer?.version) {
      waitUntil(this.#options.shelf.drop(old, this.#options.channel));
    }
    return null;
  }
}
