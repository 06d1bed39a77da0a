/**
 * The way of one question, in one direction: LLMs write, each candidate is parsed and scored when it comes, then one is
 * chosen. The question's prefix is encoded while they write. Which LLM is asked, and when another one, a plan says
 * (plans/schedule.ts).
 *
 * The chain from the LLM to who asked, of a plain answer and of a stream alike:
 *
 *     Generator.generate     src/llm       generators, one for each call
 *     Arrivals               arrivals.ts   a queue: reads ahead, notes times; usage is counted and spans end here
 *     Pipeline.events        this file     generator: parses, scores, chooses
 *     answerEvents           run.ts        generator: the ledger's gate, and what is done at the end
 *
 * A plain answer takes the last event (`outcomeOf`), a stream shows them all (`stream.ts`).
 */

import type { PlanFit } from "../../adapter/select/planFit.ts";
import type { OpenCandidate } from "../../adapter/select/stages.ts";
import {
  type Candidate,
  type GenerateEvent,
  type GenerateFailure,
  isSpoken,
} from "../../llm/generator.ts";
import { moneyText } from "../../net/money.ts";
import { answerReader } from "../../tasks/parse.ts";
import type { Option } from "../../tasks/question.ts";
import type { RankerSource } from "../adapters/source.ts";
import { fieldProblem, Problem } from "../http/problems.ts";
import type { Spent } from "../ledger/meter.ts";
import { MAX_CONNECTIONS } from "../plans/plans.ts";
import { type Call, type Escalation, Schedule, type Step, type View } from "../plans/schedule.ts";
import type { Writers } from "../plans/writers.ts";
import { Arrivals } from "./arrivals.ts";
import type { Ask } from "./ask.ts";
import { judge } from "./judge.ts";
import {
  conclude,
  type Failure,
  type Leader,
  leaderOf,
  llmProblem,
  type Outcome,
  type RankedCandidate,
} from "./outcome.ts";
import { samplingFor } from "./sampling.ts";
import { Scoring, type ScoringContext, spentOf } from "./scoring.ts";
import { Spending } from "./spending.ts";

/**
 * - `admitted`: first event; from here on a fault comes after the first byte of a stream.
 * - `candidate`, `failed`: one each; with the candidate what leads now.
 * - `escalated`: a later stage of the plan is entered.
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
  | { readonly kind: "escalated"; readonly escalation: Escalation; readonly llms: string[] }
  | { readonly kind: "final"; readonly outcome: Outcome };

/** What a question is asked with. `signal` fires when nobody waits for the answer any more. */
export interface PipelineParts extends ScoringContext {
  readonly writers: Writers;
  /** What was fitted for the plan; null: nothing. Never rejects. */
  readonly fit: Promise<PlanFit | null>;
  readonly adapters: RankerSource;
  /** Milliseconds for all that LLMs write. */
  readonly deadlineMs: number;
  /** The most tokens that a request may ask for. */
  readonly maxTokens: number;
}

/** An event of one of the calls. */
interface CallEvent {
  readonly call: Call;
  readonly event: GenerateEvent;
}

export class Pipeline {
  readonly #ask: Ask;
  readonly #answerOf: ReturnType<typeof answerReader>;
  readonly #parts: PipelineParts;
  readonly #startedAt = performance.now();
  /** Ends the LLMs' calls and the scoring, whoever stops first: client, reader or fault. */
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  readonly #scoring: Scoring;
  readonly #schedule: Schedule;
  readonly #spending: Spending;
  readonly #arrivals = new Arrivals<CallEvent>((arrived) => this.#arrived(arrived));
  /** Parameters that a model does not take. */
  readonly #ignored = new Set<string>();
  /** One for each call: resolves when the LLM has said its last word. */
  readonly #calls: Promise<void>[] = [];
  readonly #candidates: RankedCandidate[] = [];
  readonly #failures: Failure[] = [];
  /** Candidates of each call that failed. */
  readonly #failedOf = new Map<Call, Failure[]>();
  /** Known before the first candidate is looked at. */
  #fit: PlanFit | null = null;
  /** Candidates of each call that are still to come. */
  readonly #open = new Map<Call, number>();

  /**
   * Admits the question at once, and begins to encode it. Whoever makes a pipeline must close it. Throws `Problem`: the
   * question is too long, or there is no place for it.
   */
  constructor(ask: Ask, parts: PipelineParts) {
    this.#ask = ask;
    this.#answerOf = answerReader(ask.task, ask.question.options);
    this.#parts = parts;
    this.#signal = AbortSignal.any([parts.signal, this.#stop.signal]);
    this.#spending = spendingOf(ask, parts.maxTokens);
    refuseTooDear(ask, this.#spending);
    this.#scoring = new Scoring(parts.adapters, ask, { ...parts, signal: this.#signal });
    this.#schedule = new Schedule({
      bound: ask.bound,
      k: ask.k,
      adaptive: ask.adaptive,
      hasOptions: ask.question.options.length > 0,
      breakers: parts.writers.breakers,
      tenant: parts.tenant,
      afford: (calls) => this.#spending.afford(calls),
    });
  }

  /** The adapter refused the question, perhaps after the LLM was asked. */
  get refused(): boolean {
    return this.#scoring.state.kind === "refused";
  }

  /**
   * Asks LLMs and answers, as the events are read. Reading throws `Problem`: at the first event where an adapter that
   * was being loaded refuses, later where no candidate came at all.
   */
  async *events(): AsyncGenerator<AnswerEvent, void> {
    const scoring = this.#scoring;
    let llmEndedAt = this.#startedAt;
    // The LLM begins to write before an adapter that is still being looked for or loaded has admitted the question,
    // unless the one that is here would refuse it: then that is known first, and costs nothing.
    const { state } = scoring;
    if (state.kind === "waiting" && state.likelyRefused) await scoring.admitted();
    this.#begin(this.#schedule.next(this.#view()));
    await scoring.admitted();
    this.#fit = await this.#parts.fit;
    yield { kind: "admitted" };
    for (;;) {
      const arrival = await this.#arrivals.next();
      let step: Step | null;
      if (arrival === null) {
        step = this.#schedule.next(this.#view());
        if (step === null) break;
      } else {
        llmEndedAt = arrival.atMs;
        const told = await this.#take(arrival.value, arrival.atMs);
        if (told !== null) yield told;
        step = this.#schedule.early(this.#view(), this.#openCount);
      }
      if (step?.escalation) {
        const llms = step.calls.map(({ llm }) => llm.name);
        yield { kind: "escalated", escalation: step.escalation, llms };
      }
      this.#begin(step);
    }
    await scoring.opened();
    if (this.#parts.signal.aborted) throw new Problem("client_closed");
    yield { kind: "final", outcome: this.#conclude(llmEndedAt) };
  }

  /** What has been used, as soon as no call to an LLM goes on: one that was broken off tells it when it has ended. */
  async spent(): Promise<Spent> {
    await Promise.all(this.#calls);
    const { usage, requests, used } = this.#spending;
    const { promptTokens, completionTokens } = usage;
    const llms = used.map(({ llm, countedMicros: costMicros, ...one }) => {
      const { promptTokens, cachedTokens, completionTokens, requests } = one;
      return { llm: llm.name, promptTokens, cachedTokens, completionTokens, requests, costMicros };
    });
    const asked = { promptTokens, completionTokens, llmRequests: requests, llms };
    return { ...asked, ...spentOf(this.#scoring) };
  }

  /** Ends what still goes on, and gives the place at the adapter back. */
  close(): void {
    this.#stop.abort();
    this.#scoring.close();
  }

  /** Throws `Problem` where no candidate holds text. */
  #conclude(llmEndedAt: number): Outcome {
    const ask = this.#ask;
    const candidates = this.#candidates;
    if (!candidates.some(isSpoken)) {
      const most = this.#parts.maxTokens;
      const asked = ask.bound.stages.flatMap(({ members }) => members);
      const limits = asked.map(({ llm }) => samplingFor(llm, ask.sampling, most).maxTokens);
      throw llmProblem(this.#failures, candidates, { maxTokens: Math.max(...limits), most });
    }
    const span = this.#parts.startSpan("select");
    const outcome = conclude(ask, candidates, this.#scoring, {
      fit: this.#fit,
      failed: countBy(this.#failures.map(({ reason }) => reason)),
      schedule: this.#schedule,
      spending: this.#spending,
      ignored: [...this.#ignored],
      startedAt: this.#startedAt,
      llmEndedAt,
    });
    span.end({ candidates: candidates.length, abstained: outcome.chosen === null });
    return outcome;
  }

  /** What the schedule looks at. */
  #view(): View {
    const candidates = this.#candidates.filter(isSpoken);
    const state = this.#scoring.state;
    const rule =
      state.kind === "open"
        ? (state.served.ranker.manifest.adaptiveK ?? "no_rule")
        : state.kind === "waiting"
          ? "waiting"
          : "degraded";
    return {
      candidates,
      rule,
      judge: (stage) => {
        const open = this.#openCandidates();
        return judge(this.#ask, candidates, state, { stage, open, fit: this.#fit });
      },
    };
  }

  get #openCount(): number {
    return [...this.#open.values()].reduce((sum, n) => sum + n, 0);
  }

  #openCandidates(): OpenCandidate[] {
    return [...this.#open].flatMap(([{ llm, stage }, n]) => {
      const own = this.#ask.bound.stages.find(({ number }) => number === stage);
      const instead = (own?.instead ?? []).map(({ name }) => name);
      return Array.from({ length: n }, () => ({ source: llm.name, stage: stage - 1, instead }));
    });
  }

  /** One candidate of a call has come, or failed. */
  #settled(call: Call): void {
    this.#open.set(call, (this.#open.get(call) ?? 1) - 1);
  }

  /** Begins the calls of a step. */
  #begin(step: Step | null): void {
    for (const call of step?.calls ?? []) this.#start(call, step?.calls.length ?? 1);
  }

  #start(call: Call, beside: number): void {
    const { writers, startSpan, maxTokens, deadlineMs } = this.#parts;
    const { messages, sampling } = this.#ask;
    const { llm, first, n, replaceable } = call;
    const leftMs = Math.max(1, deadlineMs - (performance.now() - this.#startedAt));
    // Half of what is left, so that another LLM has a chance in time.
    const patienceMs = llm.timeoutMs ?? (replaceable ? leftMs / 2 : leftMs);
    const span = startSpan("generate");
    let events = 0;
    const source = writers.generatorOf(llm).generate({
      ...samplingFor(llm, sampling, maxTokens),
      ...{ first, n, messages, model: llm.model },
      signal: this.#signal,
      deadlineMs: Math.min(leftMs, patienceMs),
      parallel: Math.max(1, Math.floor(MAX_CONNECTIONS / beside)),
    });
    this.#open.set(call, n);
    this.#failedOf.set(call, []);
    const tagged = async function* (): AsyncGenerator<CallEvent> {
      for await (const event of source) {
        events += 1;
        yield { call, event };
      }
    };
    this.#calls.push(this.#arrivals.add(tagged()).then(() => span.end({ events })));
  }

  /** At once when an event comes, also when nobody reads on. */
  #arrived({ call, event }: CallEvent): void {
    this.#spending.saw(call, event);
    if (event.kind === "usage") {
      for (const name of event.ignored) this.#ignored.add(name);
    } else if (event.kind === "candidate" && isSpoken(event.candidate)) {
      this.#scoring.begin(this.#optionOf(event.candidate), event.candidate.text);
    }
  }

  /** Takes an event in; what is told of it, if anything. */
  async #take({ call, event }: CallEvent, atMs: number): Promise<AnswerEvent | null> {
    const { breakers } = this.#parts.writers;
    const { tenant } = this.#parts;
    switch (event.kind) {
      case "candidate": {
        this.#settled(call);
        if (isSpoken(event.candidate)) breakers.answered(call.llm.name, tenant);
        const candidate = await this.#rank(event.candidate, call, atMs);
        this.#candidates.push(candidate);
        const leader = leaderOf(this.#ask, this.#candidates, this.#scoring.state, this.#fit);
        return { kind: "candidate", candidate, leader };
      }
      case "failed":
        this.#settled(call);
        this.#failures.push(event);
        this.#failedOf.get(call)?.push(event);
        return { kind: "failed", index: event.index, reason: event.reason };
      case "usage": {
        // The last event of a call. One failure of a request counts once, however many candidates it was for.
        const failures = this.#failedOf.get(call) ?? [];
        const reasons = failures.map(({ reason }) => reason);
        this.#schedule.ended(call, reasons);
        if (reasons[0] !== undefined && reasons.length === call.n) {
          const waits = failures.flatMap(({ retryAfterSeconds }) => retryAfterSeconds ?? []);
          breakers.failed(call.llm.name, tenant, reasons[0], waits[0]);
        }
        return null;
      }
    }
  }

  async #rank(candidate: Candidate, { llm, stage }: Call, atMs: number): Promise<RankedCandidate> {
    const empty = !isSpoken(candidate);
    const option = empty ? null : this.#optionOf(candidate);
    await letNetworkIn();
    const score = empty ? null : await this.#scoring.score(option, candidate.text);
    return {
      ...candidate,
      llm,
      stage,
      source: llm.name,
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

/** Throws `Problem` where the first stage alone could cost more than the request may. */
function refuseTooDear({ maxCost, bound, k, adaptive }: Ask, spending: Spending): void {
  const [first] = bound.stages;
  if (maxCost === null || first === undefined) return;
  const least = (candidates: number | null) => adaptive?.least ?? candidates ?? k;
  const worst = spending.worstOf(
    first.members.map(({ llm, candidates }) => ({ llm, n: least(candidates) })),
  );
  if (worst !== null && worst <= maxCost.micros) return;
  const reason =
    worst === null
      ? "needs LLMs whose price is configured"
      : `must be at least ${moneyText(worst)}: so much the first stage can cost`;
  throw fieldProblem("invalid_request", maxCost.field, reason);
}

/** What a request may cost. */
export function spendingOf(ask: Ask, maxTokens: number): Spending {
  const encoder = new TextEncoder();
  const bytes = ask.messages.map(({ content }) => encoder.encode(content).byteLength);
  return new Spending({
    promptBytes: bytes.reduce((sum, n) => sum + n, 0),
    messages: ask.messages.length,
    maxMicros: ask.maxCost?.micros ?? null,
    maxTokensOf: (llm) => samplingFor(llm, ask.sampling, maxTokens).maxTokens,
  });
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
