/**
 * * The way of one question, in one direction: the LLM writes, each candidate is parsed and scored when it arrives, then
 * one is chosen. The question's prefix is encoded while the LLM writes. Routes consume the events: a plain answer takes
 * the last one, a stream shows them all.
 *
 * Reads a source as fast as it writes, whatever its reader does, and notes when each value came.
 */
import type {
  Candidate,
  GenerateEvent,
  GenerateFailure,
  Generator,
  TokenUsage,
} from "../../llm/generator.ts";
import { parseAnswer } from "../../tasks/parse.ts";
import type { Option } from "../../tasks/question.ts";
import type { RankerSource } from "../adapters/source.ts";
import { type StartSpan, spanned } from "../http/metrics.ts";
import { Problem } from "../http/problems.ts";
import type { WaitUntil } from "../http/waiting.ts";
import type { Meter } from "../ledger/meter.ts";
import type { Ask } from "./ask.ts";
import {
  conclude,
  type Leader,
  leaderOf,
  llmProblem,
  type Outcome,
  type RankedCandidate,
} from "./outcome.ts";
import { Scoring } from "./scoring.ts";
import { Waves } from "./waves.ts";

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

export interface AnswerParts {
  readonly generator: Generator;
  readonly adapters: RankerSource;
  readonly tenant: string;
  readonly deadlineMs: number;
  /** Fires when the client leaves. */
  readonly signal: AbortSignal;
  readonly waitUntil: WaitUntil;
  /** Counts what the adapter and the LLM do. */
  readonly meter: Meter;
  /** Resolves when the ledger lets the request through; until then the LLM is not asked. */
  readonly admitted: Promise<void>;
  readonly startSpan: StartSpan;
}

/**
 * Admits the question at once (throws `Problem`: too long, overloaded), then answers it as the events are read.
 * Reading throws `Problem`: at the first event where an adapter that was being loaded refuses, later where no candidate
 * came at all.
 */
export function answer(ask: Ask, parts: AnswerParts): AsyncGenerator<AnswerEvent, void> {
  // Ends the LLM's calls and the scoring, whoever stops first: client, reader or fault.
  const stop = new AbortController();
  const signal = AbortSignal.any([parts.signal, stop.signal]);
  const scoring = new Scoring(parts.adapters, ask, { ...parts, signal });
  parts.meter.watch(scoring);
  return run(ask, parts, scoring, signal, () => {
    stop.abort();
    scoring.close();
  });
}

async function* run(
  ask: Ask,
  parts: AnswerParts,
  scoring: Scoring,
  signal: AbortSignal,
  finish: () => void,
): AsyncGenerator<AnswerEvent, void> {
  const startedAt = performance.now();
  let llmEndedAt = startedAt;
  const candidates: RankedCandidate[] = [];
  const failures: Extract<GenerateEvent, { kind: "failed" }>[] = [];
  let usage: TokenUsage = { promptTokens: 0, completionTokens: 0 };
  const waves = new Waves(ask, scoring);
  const generator = parts.meter.counting(parts.generator);
  const beginWave = () => {
    const wave = waves.next(candidates);
    if (wave === null) return null;
    const spentMs = performance.now() - startedAt;
    const deadlineMs = Math.max(1, parts.deadlineMs - spentMs);
    const { messages, model, sampling } = ask;
    const request = { ...sampling, ...wave, messages, model, signal, deadlineMs };
    const events = spanned("generate", generator.generate(request), parts.startSpan);
    return arrivals(events, (event) => {
      if (event.kind !== "candidate" || event.candidate.state === "empty") return;
      scoring.begin(parsedOption(ask, event.candidate), event.candidate.text);
    });
  };
  try {
    await parts.admitted;
    // The LLM begins to write before an adapter that is still being looked for or loaded has admitted the question,
    // unless the one that is here would refuse it: then that is known first, and costs nothing.
    if (scoring.doubtful) await scoring.admitted();
    let wave = beginWave();
    await scoring.admitted();
    yield { kind: "admitted" };
    while (wave !== null) {
      for await (const { value: event, atMs } of wave) {
        llmEndedAt = atMs;
        if (event.kind === "usage") {
          usage = sum(usage, event.usage);
        } else if (event.kind === "failed") {
          failures.push(event);
          yield { kind: "failed", index: event.index, reason: event.reason };
        } else {
          const candidate = await rank(ask, event, scoring, { startedAt, atMs });
          candidates.push(candidate);
          yield { kind: "candidate", candidate, leader: leaderOf(ask, candidates, scoring) };
        }
      }
      wave = beginWave();
    }
    await scoring.opened();
    if (parts.signal.aborted) throw new Problem("client_closed");
    if (candidates.every(({ state }) => state === "empty")) throw llmProblem(failures);
    const failed = countBy(failures.map(({ reason }) => reason));
    const { asked, stopped: kStopped } = waves;
    const rest = { failed, asked, kStopped, usage, startedAt, llmEndedAt };
    const span = parts.startSpan("select");
    const outcome = conclude(ask, candidates, scoring, rest);
    span.end({ candidates: candidates.length, abstained: outcome.chosen === null });
    yield { kind: "final", outcome };
  } finally {
    finish();
  }
}

async function rank(
  ask: Ask,
  { candidate }: Extract<GenerateEvent, { kind: "candidate" }>,
  scoring: Scoring,
  { startedAt, atMs }: { readonly startedAt: number; readonly atMs: number },
): Promise<RankedCandidate> {
  const empty = candidate.state === "empty";
  const option = empty ? null : parsedOption(ask, candidate);
  await letNetworkIn();
  const score = empty ? null : await scoring.score(option, candidate.text);
  return {
    ...candidate,
    answer: option?.label ?? null,
    logit: score?.logit ?? null,
    probability: score?.probability ?? null,
    truncated: score?.truncated ?? false,
    arrivedMs: atMs - startedAt,
    scoredMs: score === null ? null : performance.now() - startedAt,
  };
}

/** The option that a candidate's text comes to; null: none could be read. */
function parsedOption({ task, question: { options } }: Ask, { text }: Candidate): Option | null {
  const { label } = parseAnswer(task, options, text);
  return options.find((option) => option.label === label) ?? null;
}

/**
 * Some turns of the event loop. The engine holds the CPU for a whole candidate; what the LLM has sent by then should be
 * read first, or its last byte would count as coming after a score that it came before.
 */
async function letNetworkIn(): Promise<void> {
  for (let turn = 0; turn < 4; turn += 1) await new Promise((resolve) => setTimeout(resolve, 0));
}

function sum(a: TokenUsage, b: TokenUsage): TokenUsage {
  return {
    promptTokens: a.promptTokens + b.promptTokens,
    completionTokens: a.completionTokens + b.completionTokens,
  };
}

function countBy<Key>(keys: readonly Key[]): Map<Key, number> {
  const counts = new Map<Key, number>();
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  return counts;
}

/** The outcome alone, for callers who wait for the whole. */
export async function outcomeOf(events: AsyncIterable<AnswerEvent>): Promise<Outcome> {
  for await (const event of events) if (event.kind === "final") return event.outcome;
  throw new Error("the pipeline ended without an outcome");
}

export interface Arrival<Value> {
  readonly value: Value;
  /** `performance.now()` when it came. */
  readonly atMs: number;
}

/**
 * Values of `source` in order, with their times. Reading starts at once and never waits for the consumer, so that the
 * LLM's time is not measured as longer when scoring is slower. To end early, end the source.
 * @param onArrival told of each value when it comes, before the consumer gets it
 */
export function arrivals<Value>(
  source: AsyncIterable<Value>,
  onArrival: (value: Value) => void = () => {},
): AsyncGenerator<Arrival<Value>, void> {
  const waiting: Arrival<Value>[] = [];
  let wake = () => {};
  let ended = false;
  const reading = (async () => {
    for await (const value of source) {
      waiting.push({ value, atMs: performance.now() });
      onArrival(value);
      wake();
    }
  })();
  const end = () => {
    ended = true;
    wake();
  };
  reading.then(end, end);
  return (async function* () {
    while (true) {
      const next = waiting.shift();
      if (next !== undefined) {
        yield next;
      } else if (ended) {
        await reading; // throws what the source threw
        return;
      } else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  })();
}
