/**
 * The part `request`: CPU time of everything in a request but the engine, stage by stage, in Node, on the recorded
 * examples. The engine is ours, in Node too, so its time is Node's and not workerd's.
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { endStack, startReplay, temporaryFolder } from "../scripts/lib/localStack.ts";
import { contentOf, verifyBundle } from "../src/adapter/bundle.ts";
import { bundleFolder } from "../src/adapter/bundleStore.node.ts";
import { startEngine } from "../src/adapter/engines/simd/engine.node.ts";
import type { Manifest } from "../src/adapter/manifest.ts";
import { type Logit, probabilityOf } from "../src/adapter/ranker.ts";
import type { ScoredCandidate } from "../src/adapter/select/candidates.ts";
import { select } from "../src/adapter/select/select.ts";
import { encodeCandidate, encodeQuestion } from "../src/adapter/template.ts";
import { readTokenizer, type TextTokenizer } from "../src/adapter/tokenizer.ts";
import type { Candidate, Generator } from "../src/llm/generator.ts";
import { openAIGenerator } from "../src/llm/openai/generator.ts";
import { ProviderMemory } from "../src/llm/openai/providerMemory.ts";
import { parseAnswer } from "../src/tasks/parse.ts";
import { renderPrompt } from "../src/tasks/prompt.ts";
import { taskById } from "../src/tasks/registry.ts";
import { toQuestion } from "../src/worker/answer/question.ts";
import { AnswerRequest } from "../src/worker/answer/schema.ts";
import { say } from "./machine.ts";
import { recordedQuestions } from "./recorded.ts";
import type { Setting } from "./setting.ts";
import { Stages } from "./stages.ts";
import { columns } from "./tables.ts";

export interface RequestFigures {
  readonly requests: number;
  readonly candidates: number;
  /** Milliseconds of CPU a request, by stage. */
  readonly stages: Readonly<Record<string, number>>;
  readonly engineMs: number;
  /** Of the tokenizer: to read it once, and what it keeps. */
  readonly tokenizerLoadMs: number;
  readonly tokenizerMB: number;
}

const k = 8;
const warmUps = 8;
const tokenizing = "tokenizing";

export async function measureRequest(
  setting: Setting,
): Promise<{ figures: RequestFigures; text: string }> {
  const folder = temporaryFolder();
  try {
    const replay = await startReplay(folder);
    const files = bundleFolder(setting.bundle);
    const bundle = await verifyBundle(files, { keep: ["tokenizer", "simd"] });
    if (!bundle.ok) throw new Error(`bundle refused: ${bundle.failure.kind}`);
    const { manifest } = bundle.value;
    const load = new Stages();
    const before = heap();
    const bytes = contentOf(bundle.value, "tokenizer");
    const read = load.sync("load", () => readTokenizer(bytes, manifest.base.vocabulary));
    if (!read.ok) throw new Error(read.failure.kind);
    const tokenizerMB = heap() - before;
    const memory = new ProviderMemory();
    const llm = openAIGenerator({ baseUrl: replay.url, apiKey: null, model: "replay", memory });
    const parts: Parts = { llm, manifest, tokenizer: read.value, stages: new Stages() };
    const engine = await startEngine(bundle.value);
    const bodies = recordedBodies();
    say(`Asking ${bodies.length} recorded questions ...`);
    for (const body of bodies.slice(0, warmUps)) await one(body, parts, engine);
    parts.stages.reset();
    let candidates = 0;
    for (const body of bodies) candidates += await one(body, parts, engine);
    const { engine: engineMs = 0, ...stages } = parts.stages.each(bodies.length);
    const tokenizerLoadMs = load.each(1).load ?? 0;
    const requests = bodies.length;
    const figures = { requests, candidates, stages, engineMs, tokenizerLoadMs, tokenizerMB };
    return { figures, text: textOf(figures) };
  } finally {
    await endStack(folder);
  }
}

interface Parts {
  readonly llm: Generator;
  readonly manifest: Manifest;
  readonly tokenizer: TextTokenizer;
  readonly stages: Stages;
}

/** What a request does, in its order but without overlap; the number of candidates. */
async function one(
  body: string,
  { llm, manifest, tokenizer, stages }: Parts,
  engine: Awaited<ReturnType<typeof startEngine>>,
): Promise<number> {
  const asked = stages.sync("JSON and schema", () => AnswerRequest.parse(JSON.parse(body)));
  const task = taskById(asked.task ?? "");
  if (task === null) throw new Error("an example names an unknown task");
  const question = toQuestion(asked);
  const messages = stages.sync("prompt", () => renderPrompt(task, question));
  const written = await stages.async("reading the LLM's stream", () => all(llm, messages));
  const { budget, template, calibration } = manifest;
  const encoded = stages.sync(tokenizing, () => encodeQuestion(tokenizer, budget, question));
  if (!encoded.ok) throw new Error(encoded.failure.kind);
  const prefix = await stages.async("engine", () => engine.encodePrefix(encoded.value));
  const scored: ScoredCandidate[] = [];
  const { options } = question;
  for (const { index, text } of written) {
    const { label } = stages.sync("parsing answers", () => parseAnswer(task, options, text));
    const answer = options.find((option) => option.label === label) ?? null;
    const input = stages.sync(tokenizing, () =>
      encodeCandidate(tokenizer, budget, template.noAnswer, options.length > 0, { answer, text }),
    );
    const logit = (await stages.async("engine", () => engine.score(prefix, input))) as Logit;
    scored.push({ index, answer: label, logit, probability: probabilityOf(logit, calibration) });
  }
  prefix.release();
  const selection = stages.sync("selection", () =>
    select({
      strategy: "weighted_vote",
      candidates: scored,
      options,
      hasContext: question.context !== null,
      evidenceUnseen: false,
      manifest,
      llm: "replay",
      task: task.id,
      abstain: null,
    }),
  );
  stages.sync("JSON of the answer", () => JSON.stringify({ selection, written, scored }));
  return written.length;
}

async function all(
  llm: Generator,
  messages: ReturnType<typeof renderPrompt>,
): Promise<Candidate[]> {
  const { signal } = new AbortController();
  const found: Candidate[] = [];
  for await (const event of llm.generate({ messages, n: k, signal, deadlineMs: 60_000 })) {
    if (event.kind === "candidate") found.push(event.candidate);
  }
  return found;
}

function recordedBodies(): string[] {
  return recordedQuestions().map(({ texts, ...question }) => JSON.stringify({ ...question, k }));
}

/** Megabytes of JavaScript heap after a collection. */
function heap(): number {
  setFlagsFromString("--expose_gc");
  runInNewContext("gc")();
  return process.memoryUsage().heapUsed / 2 ** 20;
}

function textOf(figures: RequestFigures): string {
  const { stages, engineMs, requests, candidates, tokenizerLoadMs, tokenizerMB } = figures;
  const share = (ms: number) => `${((ms / engineMs) * 100).toFixed(1)} %`;
  const rest = Object.values(stages).reduce((total, ms) => total + ms, 0);
  const rows = Object.entries({ ...stages, "all of these": rest, engine: engineMs });
  const body = rows.map(([stage, ms]) => [stage, ms.toFixed(2), share(ms)]);
  const verdict = (good: boolean) => (good ? "ok  " : "MISS");
  const tokens = stages[tokenizing] ?? 0;
  return [
    `CPU time of a request by stage, Node, ${requests} recorded questions with ${candidates} candidates:`,
    columns([["stage", "ms", "of the engine's"], ...body], 1),
    `${verdict(rest <= engineMs / 10)} all but the engine: ${share(rest)} of the engine's time (target at most 10 %)`,
    `${verdict(tokens <= engineMs / 20)} tokenizing: ${share(tokens)} (at most 5 %); the tokenizer keeps ${tokenizerMB.toFixed(1)} MB (at most 10), read once in ${tokenizerLoadMs.toFixed(0)} ms`,
  ].join("\n");
}
