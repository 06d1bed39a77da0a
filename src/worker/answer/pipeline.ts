/**
 * The way of one question, in one direction: the LLM writes, each candidate is parsed and scored when it comes, then one
 * is chosen. The question's prefix is encoded while the LLM writes.
 *
 * The chain from the LLM to who asked, of a plain answer and of a stream alike:
 *
 *     Generator.generate     src/llm       generators
 *     Arrivals               waves.ts      a queue: reads ahead, notes times; usage is counted and spans end here
 *     Pipeline.events        this file     generator: parses, scores, chooses
 *     answerEvents           run.ts        generator: the ledger's gate, and what is done at the end
 *
 * A plain answer takes the last event (`outcomeOf`), a stream shows them all (`stream.ts`).
 */
import {
  type Candidate,
  type GenerateEvent,
  type GenerateFailure,
  type Generator,
  isSpoken,
} from "../../llm/generator.ts";
import { answerReader } from "../../tasks/parse.ts";
import type { Option } from "../../tasks/question.ts";
import type { RankerSource } from "../adapters/source.ts";
import { Problem } from "../http/problems.ts";
import type { Spent } from "../ledger/meter.ts";
import type { Ask } from "./ask.ts";
import {
  conclude,
  type Leader,
  leaderOf,
  llmProblem,
  type Outcome,
  type RankedCandidate,
} from "./outcome.ts";
import { Scoring, type ScoringContext, spentOf } from "./scoring.ts";
import { Arrivals, Waves } from "./waves.ts";

/**
 * - `admitted`: first event; from here on a fault comes after the first byte of a stream.
 * - `candidate`, `failed`: one each; with the candidate what leads now.
 * - `final`: last event.
 */
export type AnswerEvent =
  | { readonly kind: "admitted" }
  | {
      readonly kind: "candidate";
      readonly candidate: RankedCandidate;
      readonly leader: Leader;
    }
  | { readonly kind: "failed"; readonly index: number | null; readonly reason: GenerateFailure }
  | { readonly kind: "final"; readonly outcome: Outcome };

/** What a question is asked with. `signal` fires when nobody waits for the answer any more. */
export interface PipelineParts extends ScoringContext {
  readonly generator: Generator;
  readonly adapters: RankerSource;
  /** Milliseconds for all that the LLM writes. */
  readonly deadlineMs: number;
  /** The most tokens that a request may ask for. */
  readonly maxTokens: number;
}

export class Pipeline {
  readonly #ask: Ask;
  readonly #answerOf: ReturnType<typeof answerReader>;
  readonly #parts: PipelineParts;
  readonly #startedAt = performance.now();
  /** Ends the LLM's calls and the scoring, whoever stops first: client, reader or fault. */
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  readonly #scoring: Scoring;
  readonly #waves: Waves;
  /** What the LLM was asked and said so far. */
  readonly #llm = { promptTokens: 0, completionTokens: 0, llmRequests: 0 };
  /** Tokens of thinking; null where the LLM tells none. */
  #reasoningTokens: number | null = null;
  /** Parameters that the model does not take. */
  readonly #ignored = new Set<string>();
  /** One for each wave: resolves when the LLM has said its last word. */
  readonly #calls: Promise<void>[] = [];

  /**
   * Admits the question at once, and begins to encode it. Whoever makes a pipeline must close it. Throws `Problem`: the
   * question is too long, or there is no place for it.
   */
  constructor(ask: Ask, parts: PipelineParts) {
    this.#ask = ask;
    this.#answerOf = answerReader(ask.task, ask.question.options);
    this.#parts = parts;
    this.#signal = AbortSignal.any([parts.signal, this.#stop.signal]);
    this.#scoring = new Scoring(parts.adapters, ask, { ...parts, signal: this.#signal });
    this.#waves = new Waves(ask);
  }

  /** The adapter refused the question, perhaps after the LLM was asked. */
  get refused(): boolean {
    return this.#scoring.state.kind === "refused";
  }

  /**
   * Asks the LLM and answers, as the events are read. Reading throws `Problem`: at the first event where an adapter that
   * was being loaded refuses, later where no candidate came at all.
   */
  async *events(): AsyncGenerator<AnswerEvent, void> {
    const ask = this.#ask;
    const scoring = this.#scoring;
    const candidates: RankedCandidate[] = [];
    const failures: Extract<GenerateEvent, { kind: "failed" }>[] = [];
    let llmEndedAt = this.#startedAt;
    // The LLM begins to write before an adapter that is still being looked for or loaded has admitted the question,
    // unless the one that is here would refuse it: then that is known first, and costs nothing.
    const { state } = scoring;
    if (state.kind === "waiting" && state.likelyRefused) await scoring.admitted();
    let wave = this.#nextWave(candidates);
    await scoring.admitted();
    yield { kind: "admitted" };
    for (; wave !== null; wave = this.#nextWave(candidates)) {
      for await (const { value: event, atMs } of wave) {
        llmEndedAt = atMs;
        if (event.kind === "failed") {
          failures.push(event);
          yield { kind: "failed", index: event.index, reason: event.reason };
        } else if (event.kind === "candidate") {
          const candidate = await this.#rank(event.candidate, atMs);
          candidates.push(candidate);
          yield { kind: "candidate", candidate, leader: leaderOf(ask, candidates, scoring.state) };
        }
      }
    }
    await scoring.opened();
    if (this.#parts.signal.aborted) throw new Problem("client_closed");
    if (!candidates.some(isSpoken)) {
      const { maxTokens } = ask.sampling;
      throw llmProblem(failures, candidates, { maxTokens, most: this.#parts.maxTokens });
    }
    const span = this.#parts.startSpan("select");
    const { promptTokens, completionTokens } = this.#llm;
    const outcome = conclude(ask, candidates, scoring, {
      failed: countBy(failures.map(({ reason }) => reason)),
      asked: this.#waves.asked,
      kStopped: this.#waves.stopped,
      usage: {
        promptTokens,
        completionTokens,
        ...(this.#reasoningTokens === null ? {} : { reasoningTokens: this.#reasoningTokens }),
      },
      ignored: [...this.#ignored],
      startedAt: this.#startedAt,
      llmEndedAt,
    });
    span.end({ candidates: candidates.length, abstained: outcome.chosen === null });
    yield { kind: "final", outcome };
  }

  /** What has been used, as soon as no call to the LLM goes on: one that was broken off tells it when it has ended. */
  async spent(): Promise<Spent> {
    await Promise.all(this.#calls);
    return { ...this.#llm, ...spentOf(this.#scoring) };
  }

  /** Ends what still goes on, and gives the place at the adapter back. */
  close(): void {
    this.#stop.abort();
    this.#scoring.close();
  }

  /** Asks the LLM for the next wave; null: there are candidates enough. */
  #nextWave(candidates: readonly RankedCandidate[]): Arrivals<GenerateEvent> | null {
    const wave = this.#waves.next(candidates, this.#scoring.state);
    if (wave === null) return null;
    const { generator, startSpan } = this.#parts;
    const spentMs = performance.now() - this.#startedAt;
    const deadlineMs = Math.max(1, this.#parts.deadlineMs - spentMs);
    const { messages, model, sampling } = this.#ask;
    const signal = this.#signal;
    const span = startSpan("generate");
    let events = 0;
    const arrivals = new Arrivals(
      generator.generate({ ...sampling, ...wave, messages, model, signal, deadlineMs }),
      (event) => {
        events += 1;
        this.#arrived(event);
      },
    );
    this.#calls.push(arrivals.ended.then(() => span.end({ events })));
    return arrivals;
  }

  /** At once when an event comes, also when nobody reads on. */
  #arrived(event: GenerateEvent): void {
    if (event.kind === "usage") {
      this.#llm.promptTokens += event.usage.promptTokens;
      this.#llm.completionTokens += event.usage.completionTokens;
      this.#llm.llmRequests += event.requests;
      for (const name of event.ignored) this.#ignored.add(name);
      const { reasoningTokens } = event.usage;
      if (reasoningTokens !== undefined) {
        this.#reasoningTokens = (this.#reasoningTokens ?? 0) + reasoningTokens;
      }
    } else if (event.kind === "candidate" && isSpoken(event.candidate)) {
      this.#scoring.begin(this.#optionOf(event.candidate), event.candidate.text);
    }
  }

  async #rank(candidate: Candidate, atMs: number): Promise<RankedCandidate> {
    const empty = !isSpoken(candidate);
    const option = empty ? null : this.#optionOf(candidate);
    await letNetworkIn();
    const score = empty ? null : await this.#scoring.score(option, candidate.text);
    return {
      ...candidate,
      answer: option?.label ?? null,
      logit: score?.logit ?? null,
      probability: score?.probability ?? null,
      truncated: score?.truncated ?? false,
      arrivedMs: atMs - this.#startedAt,
      scoredMs: score === null ? null : performance.now() - this.#startedAt,
    };
  }

  /** The option that a candidate's text comes to; null: none could be read. */
  #optionOf({ text }: Candidate): Option | null {
    const { label } = this.#answerOf(text);
    return this.#ask.question.options.find((option) => option.label === label) ?? null;
  }
}

/**
 * Some turns of the event loop. The engine holds the CPU for a whole candidate; what the LLM has sent by then should be
 * read first, or its last byte would count as coming after a score that it came before.
 */
async function letNetworkIn(): Promise<void> {
  for (let turn = 0; turn < 4; turn += 1) await new Promise((resolve) => setTimeout(resolve, 0));
}

function countBy<Key>(keys: readonly Key[]): Map<Key, number> {
  const counts = new Map<Key, number>();
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  return counts;
}
