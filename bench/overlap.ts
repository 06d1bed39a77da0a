/**
 * The part `overlap`: what a request waits for. The real Worker, asked over HTTP, with the replay LLM writing at a
 * hosted model's pace: the LLM writes, the prefix is encoded and candidates are scored at the same time, so that
 * after the LLM's last byte little is left to do.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  configPath,
  endStack,
  post,
  startReplay,
  startWorker,
  temporaryFolder,
} from "../scripts/lib/localStack.ts";
import { seedAdapter } from "../scripts/lib/seed.mjs";
import { say } from "./machine.ts";
import type { Setting } from "./setting.ts";
import { type Spread, spread } from "./spread.ts";
import { type Trace, timeLine } from "./timeLine.ts";

export interface OverlapRow {
  readonly k: number;
  /** `n`: one request with n choices, interleaved. `parallel`: one request a candidate, five at once. */
  readonly calls: "n" | "parallel";
  readonly requests: number;
  readonly afterLlmMs: Spread;
  /** Scoring of one candidate, by the same requests. */
  readonly candidateMs: Spread;
  readonly trace: Trace;
}

/** The first answer of an isolate that has loaded nothing yet. */
export interface ColdAnswer {
  /** With an LLM that answers at once: all of it is loading, encoding, scoring. */
  readonly withoutLlmMs: Spread;
  /** After the last byte of an LLM of a hosted model's pace: loading and encoding hide behind it. */
  readonly afterLlmMs: Spread;
}

interface Answer {
  readonly timing: {
    readonly total_ms: number;
    readonly llm_ms: number;
    readonly prefix_ms: number | null;
    readonly after_llm_ms: number;
  };
  readonly candidates: readonly { readonly arrived_ms: number; readonly scored_ms: number }[];
}

const questionsOfEach = 8;
const coldStarts = 3;

export async function measureOverlap(
  setting: Setting,
): Promise<{ rows: OverlapRow[]; cold: ColdAnswer; text: string }> {
  const folder = temporaryFolder();
  try {
    say("Starting the replay LLM and the Worker ...");
    const persistTo = join(folder, "state");
    await seedAdapter({ bundleDir: setting.bundle, persistTo, configPath, channel: "stable" });
    const rows: OverlapRow[] = [];
    const replay = await startReplay(folder, undefined, "real");
    for (const calls of ["n", "parallel"] as const) {
      // A Worker each: it remembers which way a provider takes.
      const worker = await startWorker(folder, { LLM_BASE_URL: replay.url, LLM_MODEL: "replay" });
      await replay.fail(calls === "n" ? null : "refuse-n");
      for (const k of [8, 16]) {
        say(`k ${k}, ${calls} ...`);
        rows.push(await measure(worker.url, k, calls));
      }
    }
    await replay.fail(null);
    const cold = await coldAnswers(folder, replay.url);
    return { rows, cold, text: textOf(rows, cold) };
  } finally {
    await endStack(folder);
  }
}

async function coldAnswers(folder: string, paced: string): Promise<ColdAnswer> {
  const { url: unpaced } = await startReplay(folder);
  const [question] = recorded(setOf(8), 8);
  const first = async (llm: string) => {
    const worker = await startWorker(folder, { LLM_BASE_URL: llm, LLM_MODEL: "replay" });
    const { body } = await post<Answer>(`${worker.url}/v1/answer`, { ...question, k: 8 });
    worker.stop();
    return body.timing;
  };
  const atOnce: number[] = [];
  const after: number[] = [];
  for (let start = 1; start <= coldStarts; start += 1) {
    say(`Fresh isolate ${start} of ${coldStarts} ...`);
    atOnce.push((await first(unpaced)).total_ms);
    after.push((await first(paced)).after_llm_ms);
  }
  return { withoutLlmMs: spread(atOnce), afterLlmMs: spread(after) };
}

async function measure(url: string, k: number, calls: OverlapRow["calls"]): Promise<OverlapRow> {
  const [warm, ...questions] = recorded(setOf(k), k).slice(0, questionsOfEach + 1);
  await ask(url, warm, k);
  const traces: Trace[] = [];
  for (const question of questions) traces.push(await ask(url, question, k));
  const [first] = traces;
  if (first === undefined) throw new Error("no recorded question has so many candidates");
  return {
    k,
    calls,
    requests: traces.length,
    afterLlmMs: spread(traces.map(({ afterLlmMs }) => afterLlmMs)),
    candidateMs: spread(traces.flatMap(scoringTimes)),
    trace: first,
  };
}

async function ask(url: string, question: object | undefined, k: number): Promise<Trace> {
  const { status, body } = await post<Answer>(`${url}/v1/answer`, { ...question, k });
  if (status !== 200) throw new Error(`the Worker answered ${status}`);
  const { timing } = body;
  const candidates = body.candidates
    .map(({ arrived_ms, scored_ms }) => ({ arrivedMs: arrived_ms, scoredMs: scored_ms }))
    .sort((x, y) => x.scoredMs - y.scoredMs);
  return {
    llmMs: timing.llm_ms,
    prefixMs: timing.prefix_ms,
    afterLlmMs: timing.after_llm_ms,
    candidates,
  };
}

/** A score begins when its candidate is there, the one before is scored and the prefix is encoded. */
function scoringTimes({ candidates, prefixMs }: Trace): number[] {
  return candidates.map(({ arrivedMs, scoredMs }, i) => {
    const before = candidates[i - 1]?.scoredMs ?? prefixMs ?? 0;
    return scoredMs - Math.max(arrivedMs, before);
  });
}

/** Questions that have 32 recorded candidates are of several files; the others are of the longest, PubMedQA's. */
function setOf(k: number): RegExp {
  return k > 8 ? /\.jsonl$/u : /^pubmedqa\.jsonl$/u;
}

function recorded(files: RegExp, least: number): object[] {
  const folder = join(import.meta.dirname, "..", "examples", "recorded");
  return readdirSync(folder)
    .filter((name) => files.test(name))
    .flatMap((name) => readFileSync(join(folder, name), "utf8").split("\n"))
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line))
    .filter(({ candidates }) => candidates.length >= least)
    .map(({ task, question, options, context }) => ({
      task,
      question,
      options: Object.entries(options ?? {}).map(([label, text]) => ({ label, text })),
      ...(context === null ? {} : { context }),
    }));
}

function textOf(rows: readonly OverlapRow[], cold: ColdAnswer): string {
  const lines = rows.map(({ k, calls, requests, afterLlmMs, candidateMs }) => {
    const ratio = afterLlmMs.median / candidateMs.median;
    const name = `k ${k}, ${calls}: after the LLM's last byte / scoring of one candidate`;
    const ms = `${afterLlmMs.median.toFixed(0)} / ${candidateMs.median.toFixed(0)} ms, ${requests} requests`;
    return `${ratio <= 1.3 ? "ok  " : "MISS"} ${name}: ${ratio.toFixed(2)} (target at most 1.3; ${ms})`;
  });
  const [first] = rows;
  const trace =
    first === undefined ? "" : `\n\nOne request (k ${first.k}):\n${timeLine(first.trace)}`;
  const { withoutLlmMs, afterLlmMs } = cold;
  lines.push(
    `     first answer of a fresh isolate (k 8): ${withoutLlmMs.median.toFixed(0)} ms with an LLM that answers at once; ${afterLlmMs.median.toFixed(0)} ms after the last byte of one that takes its time`,
  );
  return `What a request waits for:\n${lines.join("\n")}${trace}`;
}
