/** What `canary` and `shadow` have in common: a pointer, and a version that is loaded when it is first needed. */
import type { BundleStore } from "../../../adapter/bundle.ts";
import type { Pointer } from "../../../adapter/pointer.ts";
import type { Ranker } from "../../../adapter/ranker.ts";
import type { PublicKeys } from "../../../adapter/signature.ts";
import { pause } from "../../../net/sharedWork.ts";
import type { WaitUntil } from "../../http/waiting.ts";
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
  readonly refreshed?: (waitUntil: WaitUntil) => Promise<void>;
}

/** Where there was no room for a version, there may be later. */
const CROWDED_MS = 5_000;
/** A load whose request was killed never ends. */
const STALE_LOAD_MS = 60_000;
const LOOK_MS = 10;

/** A pointer that names a version. */
export type TrialPointer = Pointer & { readonly version: string };

export class TrialChannel {
  readonly #options: TrialChannelOptions;
  readonly watch: PointerWatch;
  #refused: AdapterFault | null = null;
  /** There was no room for it; until when that is not tried again. */
  #crowded: { readonly fault: AdapterFault; readonly until: number } | null = null;
  #told: string | null = null;
  #loadingSince: number | null = null;

  constructor(options: TrialChannelOptions) {
    this.#options = options;
    const { refreshed } = options;
    this.watch = new PointerWatch({
      store: options.store,
      adapter: options.adapter,
      channel: options.channel,
      intervalMs: options.intervalMs,
      signedBy: options.signedBy,
      follow: (pointer, waitUntil) => this.#follow(pointer, waitUntil),
      ...(refreshed === undefined ? {} : { refreshed }),
      onFault: options.onChange,
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
    return this.#refused ?? this.#crowded?.fault ?? this.watch.fault;
  }

  /** Its version was loaded and refused: not tried again until the pointer changes. */
  get refused(): boolean {
    return this.#refused !== null;
  }

  /** It cannot be loaded now. */
  get blocked(): boolean {
    return this.refused || (this.#crowded !== null && Date.now() < this.#crowded.until);
  }

  ready(): Ranker | null {
    const { pointer } = this;
    return pointer === null ? null : this.#options.shelf.ready(pointer.version);
  }

  /** The ranker, loaded if need be; null where that cannot be done, or not now. Never rejects. */
  async load(): Promise<Ranker | null> {
    const stale = () => Date.now() - (this.#loadingSince ?? 0) > STALE_LOAD_MS;
    // One who waited for another finds what that one found.
    while (this.#loadingSince !== null && !stale()) await pause(LOOK_MS);
    const since = Date.now();
    this.#loadingSince = since;
    try {
      return await this.#load();
    } catch {
      return null;
    } finally {
      if (this.#loadingSince === since) this.#loadingSince = null;
    }
  }

  async #load(): Promise<Ranker | null> {
    const { pointer } = this;
    if (pointer === null || this.blocked) return null;
    const { shelf, channel, onChange } = this.#options;
    const { version } = pointer;
    const taken = await shelf.take(version, channel);
    if (this.pointer?.version !== version) {
      // The pointer moved on while this was loading.
      await shelf.drop(version, channel);
      return null;
    }
    this.#crowded = null;
    if (taken.ok) {
      if (this.#told !== version) onChange(null);
      this.#told = version;
      return taken.value;
    }
    const fault = { ...taken.failure, version };
    if (this.#told !== fault.kind) onChange(fault);
    this.#told = fault.kind;
    if (fault.kind === "no_room") this.#crowded = { fault, until: Date.now() + CROWDED_MS };
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
      this.#crowded = null;
    }
    if (old !== null && old !== pointer?.version) {
      waitUntil(this.#options.shelf.drop(old, this.#options.channel));
    }
    return null;
  }
}
