/**
 * The ranker of a bundle that names a remote engine. It renders texts, asks the engine, and holds nothing but its
 * questions. Before it serves, it sends the manifest's self-test vectors, as texts, through that same engine.
 *
 * A question makes one call at a time: candidates that come while it is under way go together into the next one. So a
 * candidate alone is sent at once, and eight together cost two round trips.
 */
import { pause, until } from "../../net/sharedWork.ts";
import type { Question } from "../../tasks/question.ts";
import { Admission, type AdmissionLimits, type Ticket } from "../admission.ts";
import type { LoadFailure } from "../load.ts";
import type { Manifest, SelfTestVector } from "../manifest.ts";
import {
  type CandidateText,
  type Logit,
  type OpenFailure,
  probabilityOf,
  type RankedQuestion,
  type Ranker,
  type RankerLoad,
  type Score,
  type ScoreFailure,
} from "../ranker.ts";
import { fail, ok, type Result } from "../result.ts";
import { candidateText, questionText, type RenderedText } from "../template.ts";
import type { RemoteFailure, TextScorer } from "./textScorer.ts";

/** No question holds memory of an engine here, so there are many places, and no line. */
const limits: AdmissionLimits = { places: 64, queue: 0 };

const never = new AbortController().signal;
const retirePollMs = 50;

export class RemoteRanker implements Ranker {
  readonly manifest: Manifest;
  readonly #scorer: TextScorer;
  readonly #admission = new Admission(limits);
  #open = 0;
  #retired = false;

  constructor(manifest: Manifest, scorer: TextScorer) {
    this.manifest = manifest;
    this.#scorer = scorer;
  }

  open(
    question: Question,
    signal: AbortSignal,
    owner: string | null = null,
    cut = false,
  ): Result<RankedQuestion, OpenFailure> {
    if (this.#retired) return fail({ kind: "retired" });
    const query = questionText(this.manifest, question, cut);
    if (!query.ok) return query;
    // The ticket must be able to end the session, and the session needs the ticket.
    let session: RemoteSession | null = null;
    this.#admission.sweep();
    const ticket = this.#admission.enter(() => session?.close(), owner);
    if (!ticket.ok) return ticket;
    this.#open += 1;
    const hasOptions = question.options.length > 0;
    session = new RemoteSession({
      scorer: this.#scorer,
      ticket: ticket.value,
      query: query.value,
      render: (candidate) => candidateText(this.manifest, hasOptions, candidate),
      calibration: this.manifest.calibration,
      signal,
      closed: () => {
        this.#open -= 1;
      },
    });
    if (signal.aborted) session.close();
    return ok(session);
  }

  refusal(question: Question, owner: string | null = null, cut = false): OpenFailure | null {
    if (this.#retired) return { kind: "retired" };
    const query = questionText(this.manifest, question, cut);
    return query.ok ? this.#admission.refusal(owner) : query.failure;
  }

  load(): RankerLoad {
    return { held: this.#admission.held, waiting: 0, heapBytes: 0 };
  }

  /** Nothing here could be started afresh: a server recovers by itself. */
  fault(): null {
    return null;
  }

  async retire(): Promise<void> {
    this.#retired = true;
    await until(
      () => {
        this.#admission.sweep();
        return this.#open === 0;
      },
      never,
      retirePollMs,
    );
  }
}

/** Asks once for each vector. Never rejects. */
export async function loadRemoteRanker(
  manifest: Manifest,
  scorer: TextScorer,
): Promise<Result<Ranker, LoadFailure>> {
  const { vectors, tolerance } = manifest.selfTest;
  for (const [number, vector] of vectors.entries()) {
    const logit = await logitOf(vector, manifest, scorer);
    if (!logit.ok) return logit;
    const off = logit.value === null || Math.abs(logit.value - vector.logit) > tolerance;
    if (off) return fail({ kind: "self_test_failed", vector: number });
  }
  return ok(new RemoteRanker(manifest, scorer));
}

async function logitOf(
  vector: SelfTestVector,
  manifest: Manifest,
  scorer: TextScorer,
): Promise<Result<number | null, RemoteFailure>> {
  const { options, text } = vector;
  const query = questionText(manifest, vector);
  if (!query.ok) return ok(null);
  const answer = options.find((option) => option.label === vector.answer) ?? null;
  const candidate = candidateText(manifest, options.length > 0, { answer, text });
  const pairs = { query: query.value.text, texts: [candidate.text] };
  const scores = await scorer.score(pairs, never);
  return scores.ok ? ok(scores.value.logits[0] ?? null) : scores;
}

interface RemoteSessionParts {
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

/** TEI's default limit of texts in one call. */
const MOST_AT_ONCE = 32;

const aborted: Result<never, ScoreFailure> = fail({ kind: "aborted" });

/** One question whose candidates the remote engine scores. */
class RemoteSession implements RankedQuestion {
  readonly prefixTokens = 0;
  readonly remote = true;
  readonly truncated: boolean;
  readonly ready: Promise<Result<void, ScoreFailure>>;
  readonly #parts: RemoteSessionParts;
  readonly #ended = new AbortController();
  readonly #scores = new Map<string, Promise<Scored>>();
  #waiting: Waiting[] = [];
  #sending = false;
  /** A call failed. Without all scores the others have no use, so no further call is made. */
  #failure: Result<never, ScoreFailure> | null = null;

  constructor(parts: RemoteSessionParts) {
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
    // Scores that are asked for in one turn of the event loop go into one call.
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
