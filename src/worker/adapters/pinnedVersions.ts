/**
 * Versions that callers ask for by name: any that is kept in R2, signed where there is a key. To withdraw one, delete it.
 */
import { type BundleStore, verifyManifest } from "../../adapter/bundle.ts";
import type { PublicKeys } from "../../adapter/signature.ts";
import { pause, type WaitUntil } from "../../net/sharedWork.ts";
import type { RankerShelf } from "./shelf.ts";
import type { AdapterFault, RankerSource, Served } from "./source.ts";

export interface PinnedVersionsOptions {
  readonly store: BundleStore;
  readonly shelf: RankerShelf;
  readonly adapter: string;
  readonly signedBy: PublicKeys | null;
  /** Told of every fault of a version that was asked for. */
  readonly onFault: (fault: AdapterFault) => void;
}

/** How long a request waits, behind the LLM, until versions that make room for its own have ended. */
const ROOM_WAIT_MS = 15_000;
const ROOM_POLL_MS = 100;
/** A refused version is not tried again for so long. */
const REFUSED_MS = 60_000;
/** Of how many versions an isolate remembers why they were refused. */
const MOST_REFUSED = 16;

export class PinnedVersions {
  readonly #options: PinnedVersionsOptions;
  readonly #refused = new Map<string, { readonly fault: AdapterFault; readonly at: number }>();

  constructor(options: PinnedVersionsOptions) {
    this.#options = options;
  }

  /** Whether a version is among those kept. Rejects when the store does. */
  async knows(version: string): Promise<boolean> {
    const { store, shelf, adapter, signedBy } = this.#options;
    if (shelf.ready(version) !== null) return true;
    const files = store.open(adapter, version);
    return (await verifyManifest(files, { expect: { adapter, version }, signedBy })).ok;
  }

  /** The ranker of a version, for one request. */
  source(version: string): RankerSource {
    const { shelf } = this.#options;
    let fault: AdapterFault | null = null;
    const current = (): Served | null => {
      const ranker = shelf.ready(version);
      return ranker && { ranker, servedBy: "pinned" };
    };
    return {
      ready: current,
      current,
      refresh: async (waitUntil) => {
        fault = current() === null ? await this.#load(version, waitUntil) : null;
      },
      fault: () => fault,
    };
  }

  async #load(version: string, waitUntil: WaitUntil): Promise<AdapterFault | null> {
    const { shelf, onFault } = this.#options;
    const known = this.#refused.get(version);
    if (known !== undefined && Date.now() - known.at < REFUSED_MS) return known.fault;
    const giveUpAt = Date.now() + ROOM_WAIT_MS;
    try {
      let taken = await shelf.take(version, "pinned", waitUntil);
      while (!taken.ok && taken.failure.kind === "no_room" && Date.now() < giveUpAt) {
        await pause(ROOM_POLL_MS);
        taken = await shelf.take(version, "pinned", waitUntil);
      }
      if (taken.ok) return null;
      const fault = { ...taken.failure, version };
      onFault(fault);
      if (fault.kind !== "no_room") this.#remember(version, fault);
      return fault;
    } catch {
      return { kind: "store_unavailable" };
    }
  }

  #remember(version: string, fault: AdapterFault): void {
    const [oldest] = this.#refused.keys();
    if (oldest !== undefined && this.#refused.size >= MOST_REFUSED) this.#refused.delete(oldest);
    this.#refused.set(version, { fault, at: Date.now() });
  }
}
