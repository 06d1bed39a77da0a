/**
 * * The canary: a share of the requests, until its guard stops it. An isolate that does not know how the trial stands, or
 * has not heard for long, sends nothing its way: stable answers.
 *
 * Which requests are of a channel's share: always the same for the same key, evenly spread over all of them.
 */
import { pause } from "../../../net/sharedWork.ts";
import type { WaitUntil } from "../../http/waiting.ts";
import { staleAfterMs } from "../watch.ts";
import type { Guard, Stop, Trial, Verdict } from "./guard.ts";
import { TrialChannel, type TrialChannelOptions } from "./trialChannel.ts";

export interface CanaryOptions extends Omit<TrialChannelOptions, "channel" | "refreshed"> {
  readonly guard: Guard;
  /** Told once of a trial that was stopped. */
  readonly onStop: (stop: Stop) => void;
}

/** Whose request it is, for the share. */
export interface RequestKey {
  readonly tenant: string;
  readonly requestId: string;
}

/** Requests may wait for a look, so it does not wait long for the guard. */
const GUARD_WAIT_MS = 2_000;
/** At least so long the guard's word holds, as reports bring it too. */
const LEAST_TRUST_MS = 15_000;

export class Canary {
  readonly channel: TrialChannel;
  readonly #guard: Guard;
  readonly #onStop: (stop: Stop) => void;
  readonly #trustMs: number;
  #heard: { readonly serial: number; readonly verdict: Verdict; readonly at: number } | null = null;

  constructor({ guard, onStop, ...options }: CanaryOptions) {
    this.#guard = guard;
    this.#onStop = onStop;
    this.#trustMs = Math.max(staleAfterMs(options.intervalMs), LEAST_TRUST_MS);
    const refreshed = (waitUntil: WaitUntil) => this.#refreshed(waitUntil);
    this.channel = new TrialChannel({ ...options, channel: "canary", refreshed });
  }

  /** The trial that is on, stopped or not; null: there is none. */
  get trial(): Trial | null {
    const { pointer } = this.channel;
    if (pointer?.bounds === undefined) return null;
    return { serial: pointer.serial, version: pointer.version, bounds: pointer.bounds };
  }

  /** Why it was stopped; null: it was not, as far as is known here. */
  get stop(): Stop | null {
    return this.#heard?.serial === this.channel.pointer?.serial
      ? (this.#heard?.verdict ?? null)
      : null;
  }

  /** Whether it may have traffic at all. */
  get serves(): boolean {
    const { pointer, blocked } = this.channel;
    const heard = this.#heard;
    if (pointer === null || blocked || heard === null) return false;
    const known = heard.serial === pointer.serial && Date.now() - heard.at <= this.#trustMs;
    return known && heard.verdict === null;
  }

  /** Whether this request is the canary's. */
  takes({ tenant, requestId }: RequestKey): boolean {
    const { pointer } = this.channel;
    if (pointer === null || !this.serves) return false;
    const key = pointer.sticky === "tenant" ? tenant : requestId;
    return inShare(pointer.version, key, pointer.share);
  }

  /** Notes how a trial stands. */
  heard({ serial }: Pick<Trial, "serial">, verdict: Verdict): void {
    if (serial !== this.channel.pointer?.serial) return;
    if (verdict !== null && this.stop === null) this.#onStop(verdict);
    this.#heard = { serial, verdict, at: Date.now() };
  }

  /** Asks the guard, and has the version ready before the first request needs it. */
  async #refreshed(waitUntil: WaitUntil): Promise<void> {
    const { pointer } = this.channel;
    if (pointer === null) return;
    if (this.stop === null) {
      const asked = this.#guard.verdict(pointer.serial).then(
        (verdict) => this.heard(pointer, verdict),
        () => {},
      );
      waitUntil(asked);
      await Promise.race([asked, pause(GUARD_WAIT_MS)]);
    }
    // One that was stopped stays so.
    if (this.stop !== null) waitUntil(this.channel.unload());
    if (this.serves && this.channel.ready() === null) waitUntil(this.channel.load());
  }
}

/** Whether `key` (a tenant, a request id) belongs to the share of a version. Another version draws another set. */
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
