/** A real replay server for one test file, its faults and counts, and requests to a generator on it. */
import { readFileSync } from "node:fs";
import { FailurePlan } from "../../scripts/replay-llm/failures.ts";
import { type RunningReplay, startReplay } from "../../scripts/replay-llm/listen.ts";
import { PACE_OFF, type Pace } from "../../scripts/replay-llm/pacing.ts";
import { parseRecordings, RecordingBook } from "../../scripts/replay-llm/recordings.ts";
import type { Stats } from "../../scripts/replay-llm/stats.ts";
import type {
  Candidate,
  GenerateEvent,
  GenerateRequest,
  Generator,
} from "../../src/llm/generator.ts";
import { type OpenAIGeneratorOptions, openAIGenerator } from "../../src/llm/openai/generator.ts";
import { ProviderMemory } from "../../src/llm/openai/providerMemory.ts";

const FIXTURE = new URL("../fixtures/llm-recorded.jsonl", import.meta.url);
export const RECORDINGS = parseRecordings(readFileSync(FIXTURE, "utf8"), "llm-recorded.jsonl");
const [iron, valve] = RECORDINGS;
if (iron === undefined || valve === undefined) throw new Error("the fixture holds two questions");
/** Eight candidates, with context; four candidates, without. */
export const IRON = iron;
export const VALVE = valve;

export interface ReplayUnderTest extends RunningReplay {
  readonly plan: FailurePlan;
  stats(): Promise<Stats>;
  reset(): Promise<void>;
}

export async function replayUnderTest(pace: Pace = PACE_OFF): Promise<ReplayUnderTest> {
  const plan = new FailurePlan();
  const replay = await startReplay({ book: new RecordingBook(RECORDINGS), pace, plan }, 0);
  const control = replay.url.replace(/\/v1$/u, "/__replay");
  return {
    ...replay,
    plan,
    stats: async () => (await (await fetch(`${control}/stats`)).json()) as Stats,
    reset: async () => {
      await fetch(`${control}/reset`, { method: "POST" });
    },
  };
}

/** A generator that knows nothing yet about its provider and tries once. */
export function generatorOn(url: string, options: Partial<OpenAIGeneratorOptions> = {}): Generator {
  return openAIGenerator({
    baseUrl: url,
    apiKey: "test-key",
    model: "replay",
    memory: new ProviderMemory(),
    maxRetries: 0,
    ...options,
  });
}

export function ask(
  n: number,
  more: Partial<GenerateRequest> & { question?: string } = {},
): GenerateRequest {
  const { question = IRON.question, ...rest } = more;
  return {
    messages: [
      { role: "system", content: "Answer the question." },
      { role: "user", content: `Question:\n${question}\nThink step by step.` },
    ],
    n,
    signal: new AbortController().signal,
    deadlineMs: 10_000,
    ...rest,
  };
}

/** All events of a request, sorted out. */
export interface Outcome {
  readonly events: readonly GenerateEvent[];
  readonly candidates: readonly Candidate[];
  readonly failed: readonly Extract<GenerateEvent, { kind: "failed" }>[];
  readonly usage: Extract<GenerateEvent, { kind: "usage" }>;
  /** Failures' reasons by candidate number. */
  readonly reasons: Readonly<Record<number, string>>;
}

export async function collect(stream: AsyncIterable<GenerateEvent>): Promise<Outcome> {
  const events: GenerateEvent[] = [];
  for await (const event of stream) events.push(event);
  const candidates = events.flatMap((event) =>
    event.kind === "candidate" ? [event.candidate] : [],
  );
  const failed = events.filter((event) => event.kind === "failed");
  const usage = events.at(-1);
  if (usage?.kind !== "usage") throw new Error("the last event is not the usage");
  const reasons = Object.fromEntries(failed.map(({ index, reason }) => [String(index), reason]));
  return { events, candidates, failed, usage, reasons };
}

export function byIndex(candidates: readonly Candidate[]): Candidate[] {
  return candidates.toSorted((a, b) => a.index - b.index);
}

export function texts(candidates: readonly Candidate[]): string[] {
  return byIndex(candidates).map(({ text }) => text);
}

export function recorded(count: number, from = IRON): string[] {
  return from.candidates.slice(0, count).map(({ text }) => text);
}

/** Waits until `holds`, at most two seconds: the server learns of a closed connection a little later. */
export async function eventually(holds: () => Promise<boolean>): Promise<boolean> {
  for (let tries = 0; tries < 100; tries += 1) {
    if (await holds()) return true;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return false;
}
