/**
 * One question whose candidates a remote engine scores. One call at a time: what comes while it is under way goes
 * together into the next one, so that a candidate alone is sent at once and eight together cost two round trips.
 */
import type { Ticket } from "../admission.ts";
import { pause } from "../pause.ts";
import type { CandidateText, RankedQuestion, ScoreFailure } from "../ranker.ts";
import { fail, ok, type Result } from "../result.ts";
import { type Logit, probabilityOf, type Score } from "../score.ts";
import type { RenderedText } from "./pairText.ts";
import type { TextScorer } from "./textScorer.ts";

export interface RemoteQuestionParts {
  readonly scorer: TextScorer;
  readonly ticket: Ticket;
  readonly query: RenderedText;
  readonly render: (candidate: CandidateText) => RenderedText;
  readonly calibration: { readonly a: number; readonly b: number } | null;
  readonly signal: AbortSignal;
  /** Called once, when nothing of this question is held any more. */
  readonly closed: () => void;
}

type Scored = Result<Score, ScoreFailure>;

interface Waiting {
  readonly candidate: RenderedText;
  readonly resolve: (scored: Scored) => void;
}

/** TEI takes no more at once, unless told otherwise. */
const MOST_AT_ONCE = 32;

const aborted: Result<never, ScoreFailure> = fail({ kind: "aborted" });

export class RemoteQuestion implements RankedQuestion {
  readonly prefixTokens = 0;
  readonly remote = true;
  readonly truncated: boolean;
  readonly ready: Promise<Result<void, ScoreFailure>>;
  readonly #parts: RemoteQuestionParts;
  readonly #ended = new AbortController();
  readonly #scores = new Map<string, Promise<Scored>>();
  #waiting: Waiting[] = [];
  #sending = false;
  /** A call failed: without all scores the others are worth nothing, so no further one is made. */
  #failure: Result<never, ScoreFailure> | null = null;

  constructor(parts: RemoteQuestionParts) {
    this.#parts = parts;
    this.truncated = parts.query.truncated;
    this.ready = Promise.resolve(ok(undefined));
    parts.signal.addEventListener("abort", this.close, { once: true });
  }

  score(text: CandidateText): Promise<Scored> {
    if (this.#ended.signal.aborted) return Promise.resolve(aborted);
    if (this.#failure !== null) return Promise.resolve(this.#failure);
    const candidate = this.#parts.render(text);
    const known = this.#scores.get(candidate.text);
    if (known !== undefined) return known;
    const { promise, resolve } = Promise.withResolvers<Scored>();
    this.#scores.set(candidate.text, promise);
    this.#waiting.push({ candidate, resolve });
    if (!this.#sending) void this.#send();
    return promise;
  }

  readonly close = (): void => {
    if (this.#ended.signal.aborted) return;
    this.#ended.abort();
    this.#parts.signal.removeEventListener("abort", this.close);
    for (const { resolve } of this.#waiting.splice(0)) resolve(aborted);
    this.#parts.ticket.release();
    this.#parts.closed();
  };

  async #send(): Promise<void> {
    this.#sending = true;
    // Whoever asks for several scores asks for them in one turn.
    await pause(0);
    while (this.#waiting.length > 0) await this.#sendSome(this.#waiting.splice(0, MOST_AT_ONCE));
    this.#sending = false;
  }

  async #sendSome(some: readonly Waiting[]): Promise<void> {
    const { scorer, query, calibration } = this.#parts;
    const texts = some.map(({ candidate }) => candidate.text);
    const scores = await scorer.score({ query: query.text, texts }, this.#ended.signal);
    if (!scores.ok) {
      const failure = this.#ended.signal.aborted ? aborted : scores;
      this.#failure = failure;
      for (const { resolve } of [...some, ...this.#waiting.splice(0)]) resolve(failure);
      return;
    }
    for (const [at, { candidate, resolve }] of some.entries()) {
      const logit = scores.value.logits[at];
      if (this.#ended.signal.aborted) resolve(aborted);
      else if (logit === undefined) resolve(fail({ kind: "remote_malformed" }));
      else {
        resolve(
          ok({
            logit: logit as Logit,
            probability: probabilityOf(logit, calibration),
            truncated: candidate.truncated,
            tokens: shareOf(scores.value.tokens, at, some.length),
          }),
        );
      }
    }
  }
}

/** The tokens of a call, spread over its texts: the server counts them together. */
function shareOf(tokens: number, at: number, count: number): number {
  return Math.floor(tokens / count) + (at < tokens % count ? 1 : 0);
}
