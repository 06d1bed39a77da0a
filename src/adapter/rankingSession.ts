/** One question with one ranker: it waits for its place, encodes the prefix, then scores in the order asked. */

import { pause } from "../net/sharedWork.ts";
import type { Option } from "../tasks/question.ts";
import type { Ticket } from "./admission.ts";
import { type EncoderInput, type Engine, EngineError, type EngineFailureReason } from "./engine.ts";
import type { LentPrefix } from "./prefixCache.ts";
import {
  type CandidateText,
  type Logit,
  probabilityOf,
  type RankedQuestion,
  type Score,
  type ScoreFailure,
} from "./ranker.ts";
import { fail, ok, type Result } from "./result.ts";

export interface SessionParts {
  readonly engine: Engine;
  readonly ticket: Ticket;
  readonly prefix: EncoderInput;
  /** Takes the prefix from the cache, or encodes it. Rejects with `EngineError`. */
  readonly takePrefix: () => Promise<LentPrefix>;
  readonly encode: (candidate: { answer: Option | null; text: string }) => EncoderInput;
  readonly calibration: { readonly a: number; readonly b: number } | null;
  readonly signal: AbortSignal;
  /** Told of every failure of the engine. */
  readonly failed: (reason: EngineFailureReason) => void;
  /** Called once, when nothing of this question is held any more. */
  readonly closed: () => void;
}

const aborted: Result<never, ScoreFailure> = fail({ kind: "aborted" });

export class RankingSession implements RankedQuestion {
  readonly prefixTokens: number;
  readonly remote = false;
  readonly truncated: boolean;
  readonly ready: Promise<Result<void, ScoreFailure>>;
  readonly #parts: SessionParts;
  readonly #ended = new AbortController();
  readonly #scores = new Map<string, Promise<Result<Score, ScoreFailure>>>();
  #prefix: LentPrefix | null = null;
  /** A question's scores are computed in turn; other questions take turns between them. */
  #last: Promise<unknown>;

  constructor(parts: SessionParts) {
    this.#parts = parts;
    this.prefixTokens = parts.prefix.ids.length;
    this.truncated = parts.prefix.truncated;
    parts.signal.addEventListener("abort", this.close, { once: true });
    this.ready = this.#encodePrefix();
    this.#last = this.ready;
  }

  score(candidate: CandidateText): Promise<Result<Score, ScoreFailure>> {
    let input: EncoderInput;
    try {
      input = this.#parts.encode(candidate);
    } catch (error) {
      return Promise.resolve(this.#failure(error));
    }
    // The encoder's input decides the score, so it also decides which candidates are the same.
    const key = `${input.truncated} ${input.ids.join()}`;
    const known = this.#scores.get(key);
    if (known !== undefined) return known;
    const score = this.#last.then(() => this.#score(input));
    this.#last = score;
    this.#scores.set(key, score);
    return score;
  }

  readonly close = (): void => {
    if (this.#ended.signal.aborted) return;
    this.#ended.abort();
    this.#parts.signal.removeEventListener("abort", this.close);
    this.#prefix?.release();
    this.#prefix = null;
    this.#parts.ticket.release();
    this.#parts.closed();
  };

  async #encodePrefix(): Promise<Result<void, ScoreFailure>> {
    // The caller sends the LLM request before the encoder takes the CPU.
    await pause(0);
    const { ticket, takePrefix } = this.#parts;
    if (!(await ticket.granted(this.#ended.signal))) {
      this.close();
      return aborted;
    }
    try {
      const lent = await takePrefix();
      if (this.#ended.signal.aborted) {
        lent.release();
        return aborted;
      }
      this.#prefix = lent;
      return ok(undefined);
    } catch (error) {
      return this.#failure(error);
    }
  }

  async #score(input: EncoderInput): Promise<Result<Score, ScoreFailure>> {
    const ready = await this.ready;
    if (!ready.ok) return ready;
    // Encoding and scoring hold the CPU; between two of them other questions take their turn.
    await pause(0);
    if (this.#prefix === null) return aborted;
    const { engine, calibration } = this.#parts;
    try {
      const logit = (await engine.score(this.#prefix.prefix, input)) as Logit;
      if (this.#ended.signal.aborted) return aborted;
      const probability = probabilityOf(logit, calibration);
      return ok({ logit, probability, truncated: input.truncated, tokens: input.ids.length });
    } catch (error) {
      return this.#failure(error);
    }
  }

  #failure(error: unknown): Result<never, ScoreFailure> {
    if (error instanceof EngineError) this.#parts.failed(error.reason);
    if (this.#ended.signal.aborted) return aborted;
    const reason = error instanceof EngineError ? error.reason : "trap";
    return fail({ kind: "engine_failed", reason });
  }
}
