/**
 * The canary: a version that gets a share of the requests until its guard stops it. An isolate that does not know how
 * the trial stands, or has not heard of it for long, sends no request to the canary: stable answers.
 */
import { type WaitUntil, waitAtMost } from "../../../net/sharedWork.ts";
import type { AdapterHost } from "../host.ts";
import type { AdapterFault, RankerSource, Served } from "../source.ts";
import type { RequestKey } from "../trialChannels.ts";
import { staleAfterMs } from "../watch.ts";
import type { Guard, Stop, Trial, Verdict } from "./guard.ts";
import { TrialChannel, type TrialChannelOptions } from "./trialChannel.ts";

export interface CanaryOptions extends Omit<TrialChannelOptions, "channel" | "checked"> {
  readonly guard: Guard;
  /** Told once of a trial that was stopped. */
  readonly onStop: (stop: Stop) => void;
}

/** Requests may wait for a check of the pointer, so it does not wait long for the guard. */
const GUARD_WAIT_MS = 2_000;
/** The guard's verdict holds at least so long, as the reports of counts bring it too. */
const LEAST_TRUST_MS = 15_000;

export class Canary {
  readonly channel: TrialChannel;
  readonly #guard: Guard;
  readonly #onStop: (stop: Stop) => void;
  readonly #trustMs: number;
  #latest: { readonly serial: number; readonly verdict: Verdict; readonly at: number } | null =
    null;

  constructor({ guard, onStop, ...options }: CanaryOptions) {
    this.#guard = guard;
    this.#onStop = onStop;
    this.#trustMs = Math.max(staleAfterMs(options.intervalMs), LEAST_TRUST_MS);
    const checked = (waitUntil: WaitUntil) => this.#checked(waitUntil);
    this.channel = new TrialChannel({ ...options, channel: "canary", checked });
  }

  /** The trial that is on, stopped or not; null: there is none. */
  get trial(): Trial | null {
    const { pointer } = this.channel;
    if (pointer?.bounds === undefined) return null;
    return { serial: pointer.serial, version: pointer.version, bounds: pointer.bounds };
  }

  /** Why it was stopped; null: it was not, as far as is known here. */
  get stop(): Stop | null {
    return this.#latest?.serial === this.channel.pointer?.serial
      ? (this.#latest?.verdict ?? null)
      : null;
  }

  /** Whether it may have traffic at all. */
  get serves(): boolean {
    const { pointer, blocked } = this.channel;
    const latest = this.#latest;
    if (pointer === null || blocked || latest === null) return false;
    const known = latest.serial === pointer.serial && Date.now() - latest.at <= this.#trustMs;
    return known && latest.verdict === null;
  }

  /** Whether this request is the canary's. */
  takes({ tenant, requestId }: RequestKey): boolean {
    const { pointer } = this.channel;
    if (pointer === null || !this.serves) return false;
    const key = pointer.sticky === "tenant" ? tenant : requestId;
    return inShare(pointer.version, key, pointer.share);
  }

  /** Notes how a trial stands. */
  note({ serial }: Pick<Trial, "serial">, verdict: Verdict): void {
    if (serial !== this.channel.pointer?.serial) return;
    if (verdict !== null && this.stop === null) this.#onStop(verdict);
    this.#latest = { serial, verdict, at: Date.now() };
  }

  /** Asks the guard, and has the version ready before the first request needs it. */
  async #checked(waitUntil: WaitUntil): Promise<void> {
    const { pointer } = this.channel;
    if (pointer === null) return;
    if (this.stop === null) {
      const asked = this.#guard.verdict(pointer.serial).then(
        (verdict) => this.note(pointer, verdict),
        () => {},
      );
      waitUntil(asked);
      await waitAtMost(asked, GUARD_WAIT_MS);
    }
    // A trial that was stopped stays stopped.
    if (this.stop !== null) waitUntil(this.channel.unload());
    if (this.serves && this.channel.ready() === null) waitUntil(this.channel.load(waitUntil));
  }
}

/** The ranker of a request that pinned no version: the canary's where the request is of its share, else stable's. */
export class CanarySource implements RankerSource {
  readonly #stable: AdapterHost;
  readonly #canary: Canary;
  readonly #key: RequestKey;

  constructor(stable: AdapterHost, canary: Canary, key: RequestKey) {
    this.#stable = stable;
    this.#canary = canary;
    this.#key = key;
  }

  async refresh(waitUntil: WaitUntil): Promise<void> {
    const { channel } = this.#canary;
    const ended = [this.#stable.begin(waitUntil), channel.watch.begin(waitUntil)];
    // If a ranker is ready, don't wait for the checks.
    if (this.ready() !== null) return;
    await Promise.all(ended.map((wait) => wait()));
    if (this.#isCanarys() && channel.ready() === null) await channel.load(waitUntil);
  }

  ready(): Served | null {
    if (this.#stable.stale || this.#canary.channel.watch.stale) return null;
    if (this.#isCanarys() && this.#canary.channel.ready() === null) return null;
    return this.current();
  }

  current(): Served | null {
    const ranker = this.#isCanarys() ? this.#canary.channel.ready() : null;
    return ranker === null ? this.#stable.current() : { ranker, servedBy: "canary" };
  }

  fault(): AdapterFault | null {
    return this.#stable.fault();
  }

  /** A canary at stable's version is no longer a canary. */
  #isCanarys(): boolean {
    const same = this.#canary.channel.pointer?.version === this.#stable.version;
    return !same && this.#canary.takes(this.#key);
  }
}

/**
 * Whether `key` (a tenant, a request id) belongs to the share of a version: always the same for the same key, evenly
 * spread over all keys. Another version draws another set.
 */
export function inShare(version: string, key: string, share: number): boolean {
  return place(`${version}\n${key}`) < share;
}

/** A number in [0, 1): FNV-1a over UTF-16 units, then MurmurHash3's finalizer, as FNV alone spreads short keys badly. */
function place(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}
