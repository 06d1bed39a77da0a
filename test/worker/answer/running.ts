/** A question on its way, without HTTP: a Worker's parts around a generator and an adapter, and what they were told. */
import type { RankedQuestion, Ranker } from "../../../src/adapter/ranker.ts";
import type { Result } from "../../../src/adapter/result.ts";
import type { Generator } from "../../../src/llm/generator.ts";
import { taskById } from "../../../src/tasks/registry.ts";
import type { Caller } from "../../../src/worker/access/caller.ts";
import type { RankerSource } from "../../../src/worker/adapters/source.ts";
import type { Ask } from "../../../src/worker/answer/ask.ts";
import { answerEvents, type KeepOutcome } from "../../../src/worker/answer/run.ts";
import type { Parts } from "../../../src/worker/config/parts.ts";
import type { LogFigures } from "../../../src/worker/http/log.ts";
import { noSpans, type StartSpan } from "../../../src/worker/http/metrics.ts";
import type { Idempotency } from "../../../src/worker/ledger/idempotency.ts";
import type { Ledger, ReserveResult, Usage } from "../../../src/worker/ledger/ledger.ts";
import { Meter } from "../../../src/worker/ledger/meter.ts";
import { boundPlan, NO_BOUNDS } from "../../../src/worker/plans/bounds.ts";
import { Breakers } from "../../../src/worker/plans/breaker.ts";
import type { Llm } from "../../../src/worker/plans/llms.ts";
import { aloneOf } from "../../../src/worker/plans/plans.ts";
import { sampleManifest } from "../../adapter/sampleManifest.ts";

const task = taskById("yesno");
if (task === null) throw new Error("no such task");
const options = ["yes", "no"].map((label) => ({ label, text: label }));

const llm: Llm = {
  name: "any",
  provider: "openai",
  baseUrl: "http://127.0.0.1:1/v1",
  model: "any",
  apiKey: null,
  price: null,
  maxConcurrent: null,
  timeoutMs: null,
  defaults: {},
  tags: [],
};

/** A yes-no question, with waves of candidates up to 8. */
export const ask: Ask = {
  task,
  question: { question: "Is it?", options, context: null },
  questionField: "question",
  messages: [{ role: "user", content: "Is it?" }],
  model: "any",
  fitVersion: null,
  bound: boundPlan(aloneOf(llm), NO_BOUNDS, {} as Caller),
  maxCost: null,
  k: 8,
  adaptive: { least: 1 },
  strategy: null,
  abstain: null,
  store: false,
  adapter: "mini",
  pin: null,
  sampling: { maxTokens: 8 },
};

export type Refusal = { kind: "question_too_long"; tokens: 9; limit: 8 };

/** A ranker that opens every question alike. */
export function rankerThat(opened: Result<RankedQuestion, Refusal>): Ranker {
  return {
    manifest: sampleManifest,
    open: () => opened,
    refusal: () => (opened.ok ? null : opened.failure),
    load: () => ({ held: 0, waiting: 0, heapBytes: 0 }),
    fault: () => null,
    retire: () => Promise.resolve(),
  };
}

export interface RunningOptions {
  readonly adapters: RankerSource;
  readonly generate: Generator["generate"];
  readonly ask?: Ask;
  /** What the ledger says; it lets everything through unless told. */
  readonly reserved?: ReserveResult;
  readonly idempotency?: Idempotency;
  readonly keepOutcome?: KeepOutcome;
  readonly startSpan?: StartSpan;
}

/** The events of a question, and what ledger, channel and log were told, in order. */
export function running(options: RunningOptions) {
  const { adapters, generate, reserved = { kind: "granted", limit: null } } = options;
  const counted: (Usage | "released")[] = [];
  const ledger = {
    reserve: async () => reserved,
    settle: async (_: string, usage: Usage) => void counted.push(usage),
    release: async () => void counted.push("released"),
  } as unknown as Ledger;
  const caller = { tenant: "local", keyId: "k", quota: null } as Caller;
  const requestId = "req_1" as never;
  const waitUntil = () => {};
  const idempotency = options.idempotency ?? null;
  const meter = new Meter({ ledger, caller, requestId, holdMs: 1, idempotency, waitUntil });
  const answered: unknown[] = [];
  const rollout = {
    source: () => adapters,
    answered: (ended: unknown) => void answered.push(ended),
  };
  const parts = {
    writers: { generatorOf: () => ({ model: "any", generate }), breakers: new Breakers() },
    planFits: new Map(),
    rollouts: new Map([["mini", rollout]]),
    config: { llmDeadlineMs: 60_000, maxTokens: 512 },
    startSpan: options.startSpan ?? noSpans,
    keepOutcome: options.keepOutcome ?? null,
  } as unknown as Parts;
  const figures: LogFigures = {};
  const { signal } = new AbortController();
  const how = { requestId, caller, meter, signal, waitUntil, figures };
  return {
    events: answerEvents(parts, options.ask ?? ask, how),
    meter,
    counted,
    answered,
    figures,
  };
}
