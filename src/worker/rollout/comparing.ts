/** Runs comparisons after responses: one at a time, and none while callers need the engine. */
import type { Ranker } from "../../adapter/ranker.ts";
import type { Outcome } from "../pipeline/outcome.ts";
import { type Comparison, compare } from "./compare.ts";

/** With more questions in hand than this, or any in the line, an isolate is busy. */
const BUSY_HELD = 2;
/** A request's background work is ended by the platform after 30 s. */
const MOST_MS = 25_000;

export class Comparing {
  #since: number | null = null;

  /**
   * Compares, unless there is no time for it. Never rejects.
   * @param serving the adapter that answers callers: how busy it is decides
   * @param second the adapter to compare with; null: it cannot be had
   */
  async run(
    serving: Ranker,
    second: () => Promise<Ranker | null>,
    outcome: Outcome,
  ): Promise<Comparison> {
    const now = Date.now();
    const { held, waiting } = serving.load();
    // One whose request was killed never ends.
    const running = this.#since !== null && now - this.#since < MOST_MS;
    if (running || waiting > 0 || held > BUSY_HELD) return "dropped";
    this.#since = now;
    try {
      const ranker = await second();
      if (ranker === null) return "dropped";
      return await compare(ranker, outcome, AbortSignal.timeout(MOST_MS));
    } catch {
      return "failed";
    } finally {
      if (this.#since === now) this.#since = null;
    }
  }
}
