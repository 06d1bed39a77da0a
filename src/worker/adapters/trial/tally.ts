/**
 * What an isolate has counted and not yet reported to its guard. It is sent in small batches after responses. Nobody
 * waits for it. A report that fails is lost: an answer never fails because of it.
 */
import type { Channel } from "../../../adapter/pointer.ts";
import { pause, type WaitUntil } from "../../../net/sharedWork.ts";
import { type ChannelCounts, COUNTS, type Counts } from "../trialChannels.ts";
import { type Guard, NO_COUNTS, type Trial, type Verdict } from "./guard.ts";

/** How long a batch gathers, and after how many counts it is sent at once. */
const GATHER_MS = 2_000;
const MOST_COUNTS = 32;

interface Batch {
  readonly since: number;
  readonly trial: Trial | null;
  readonly counts: Map<string, ChannelCounts>;
  size: number;
  timed: boolean;
}

export class Tally {
  readonly #guard: Guard;
  readonly #onVerdict: (trial: Trial, verdict: Verdict) => void;
  #batch: Batch | null = null;

  /** @param onVerdict told how a trial stands, whenever the guard has said so */
  constructor(guard: Guard, onVerdict: (trial: Trial, verdict: Verdict) => void) {
    this.#guard = guard;
    this.#onVerdict = onVerdict;
  }

  /** Counts something for a version in a channel, while this trial (null: none) is on. */
  add(
    trial: Trial | null,
    channel: Channel,
    version: string,
    counts: Partial<Counts>,
    waitUntil: WaitUntil,
  ): void {
    const present = this.#batch;
    const old = present !== null && present.trial?.serial !== trial?.serial;
    if (old) waitUntil(this.#send(present));
    this.#batch ??= { since: Date.now(), trial, counts: new Map(), size: 0, timed: false };
    const batch = this.#batch;
    const key = `${channel} ${version}`;
    const sum = batch.counts.get(key) ?? { ...NO_COUNTS, channel, version };
    batch.counts.set(key, plus(sum, counts));
    batch.size += 1;
    if (batch.size >= MOST_COUNTS || Date.now() - batch.since >= GATHER_MS) {
      waitUntil(this.#send(batch));
    } else if (!batch.timed && (trial !== null || channel !== "stable")) {
      // Where there is no trial nobody waits for the counts: they go with a later request.
      batch.timed = true;
      waitUntil(pause(GATHER_MS).then(() => this.#send(batch)));
    }
  }

  /** Sends a batch, once. Never rejects. */
  async #send(batch: Batch): Promise<void> {
    if (this.#batch !== batch) return;
    this.#batch = null;
    const { trial, counts } = batch;
    try {
      const verdict = await this.#guard.report({ trial, counts: [...counts.values()] });
      if (trial !== null) this.#onVerdict(trial, verdict);
    } catch {
      // Lost. While the guard stays silent, this isolate sends the canary nothing: see canary.ts.
    }
  }
}

function plus(sum: ChannelCounts, more: Partial<Counts>): ChannelCounts {
  const added = COUNTS.map((name) => [name, sum[name] + (more[name] ?? 0)]);
  return { ...sum, ...Object.fromEntries(added) };
}
