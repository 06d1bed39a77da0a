/** What is checked against each server: the whole path of a request, over HTTP, as an app would use it. */
import OpenAI from "openai";
import type { Worker } from "../lib/localStack.ts";
import type { RunningServer } from "./servers.ts";
import type { Exchange, Tap } from "./tap.ts";

/** Where a check runs. */
export interface Bench {
  readonly worker: Worker;
  readonly server: RunningServer;
  readonly tap: Tap;
}

export interface Check {
  readonly name: string;
  /** null: the server has nothing to check here. Returns what was seen; throws `Differs` where it is wrong. */
  run(bench: Bench): Promise<string | null>;
}

/** The service did something else than it should. The message holds no text of the model. */
export class Differs extends Error {}

function expectThat(holds: boolean, otherwise: string): asserts holds {
  if (!holds) throw new Differs(otherwise);
}

interface Answer {
  readonly answer: string | null;
  readonly candidates: readonly { text: string; answer: string | null; state: string }[];
  readonly failed: readonly { reason: string }[];
  readonly usage: { prompt_tokens: number; completion_tokens: number };
}

const question = {
  question: "Which vitamin is missing in a person with scurvy?",
  options: { A: "Vitamin A", B: "Vitamin B12", C: "Vitamin C", D: "Vitamin D" },
};

interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

async function call({ worker }: Bench, path: string, body: unknown, signal?: AbortSignal) {
  const response = await fetch(`${worker.url}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    ...(signal === undefined ? {} : { signal }),
  });
  const reply: Reply = {
    status: response.status,
    headers: response.headers,
    text: await response.text(),
  };
  return reply;
}

async function ask(bench: Bench, body: object): Promise<Answer> {
  bench.tap.take();
  const { status, text } = await call(bench, "/v1/answer", {
    ...question,
    max_tokens: 60,
    ...body,
  });
  expectThat(status === 200, `status ${status} (${problemOf(text)})`);
  return JSON.parse(text) as Answer;
}

/** The problem's kind: a name of ours, no text of the server. */
function problemOf(text: string): string {
  try {
    return (JSON.parse(text) as { error?: { code?: string } }).error?.code ?? "no problem named";
  } catch {
    return "not JSON";
  }
}

const sum = (exchanges: readonly Exchange[], of: (one: Exchange) => number) =>
  exchanges.reduce((total, one) => total + of(one), 0);

function expectUsage(answer: Answer, exchanges: readonly Exchange[]): void {
  const { prompt_tokens, completion_tokens } = answer.usage;
  const told = `${sum(exchanges, (one) => one.promptTokens)}+${sum(exchanges, (one) => one.completionTokens)}`;
  const counted = `${prompt_tokens}+${completion_tokens}`;
  expectThat(told === counted, `the server reported ${told} tokens, the service ${counted}`);
}

function expectTexts({ writes }: RunningServer, answer: Answer): void {
  for (const { text, state } of answer.candidates) {
    expectThat(!text.includes("�"), "a candidate with a broken character");
    expectThat(!/<\/?think/iu.test(text), "a candidate that holds thinking");
    if (writes === "any text") continue;
    expectThat(state === "complete", `a candidate that is ${state}`);
  }
  if (writes === "any text") return;
  const read = answer.candidates.filter((candidate) => candidate.answer !== null).length;
  expectThat(
    read === answer.candidates.length,
    `${read} of ${answer.candidates.length} answers read`,
  );
  // The thinking names A, the answer never does.
  const misread = writes === "thinking" && answer.candidates.some(({ answer: one }) => one === "A");
  expectThat(!misread, "an answer that was read in the thinking");
}

function way(exchanges: readonly Exchange[]): string {
  const calls = exchanges.map(
    ({ n, status }) => `${n > 1 ? `n=${n}` : "1"}${status === 200 ? "" : ` (${status})`}`,
  );
  return `${exchanges.length} ${exchanges.length === 1 ? "call" : "calls"}: ${calls.join(", ")}`;
}

const several: Check = {
  name: "four candidates",
  async run(bench) {
    const answer = await ask(bench, { k: 4, temperature: 0.8 });
    const exchanges = bench.tap.take();
    expectThat(answer.candidates.length === 4, `${answer.candidates.length} candidates`);
    expectThat(answer.failed.length === 0, `failed: ${answer.failed.map(({ reason }) => reason)}`);
    expectTexts(bench.server, answer);
    expectUsage(answer, exchanges);
    return way(exchanges);
  },
};

const again: Check = {
  name: "four candidates again, what was learnt in use",
  async run(bench) {
    const answer = await ask(bench, { k: 4, temperature: 0.8 });
    const exchanges = bench.tap.take();
    expectThat(answer.candidates.length === 4, `${answer.candidates.length} candidates`);
    expectThat(
      exchanges.every(({ status }) => status === 200),
      "a call that was refused before was made again",
    );
    return way(exchanges);
  },
};

const greedy: Check = {
  name: "temperature 0, three candidates",
  async run(bench) {
    const answer = await ask(bench, { k: 3, temperature: 0 });
    expectThat(answer.candidates.length === 3, `${answer.candidates.length} candidates`);
    return way(bench.tap.take());
  },
};

const parameters: Check = {
  name: "top_p, seed, stop, user",
  async run(bench) {
    const { model } = bench.server;
    bench.tap.take();
    await sdk(bench).chat.completions.create({
      ...{ model, messages, n: 2, max_tokens: 40 },
      ...{ temperature: 0.5, top_p: 0.9, seed: 7, user: "u-1", stop: ["\n\n\n"] },
    });
    const [first] = bench.tap.take();
    const names = ["top_p", "seed", "stop", "user", "max_tokens", "max_completion_tokens"];
    return `sent: ${names.filter((name) => first?.parameters.includes(name)).join(", ")}`;
  },
};

const cut: Check = {
  name: "token limit",
  async run(bench) {
    const body = { ...question, k: 2, max_tokens: 3 };
    const { status, text } = await call(bench, "/v1/answer", body);
    if (status !== 200) {
      // Only white space, or only thinking, within three tokens.
      expectThat(status === 502, `status ${status} (${problemOf(text)})`);
      return `no candidate within three tokens: ${problemOf(text)}`;
    }
    const states = (JSON.parse(text) as Answer).candidates.map(({ state }) => state);
    expectThat(
      states.every((state) => state === "cut" || state === "empty"),
      `candidates are ${states.join(", ")}`,
    );
    return `candidates are ${[...new Set(states)].join(", ")}`;
  },
};

/** OpenAI's own client. */
function sdk({ worker }: Bench): OpenAI {
  return new OpenAI({ baseURL: `${worker.url}/v1`, apiKey: "none", maxRetries: 0 });
}

const messages = [{ role: "user" as const, content: "What helps against scurvy?" }];

const chat: Check = {
  name: "OpenAI's client, plain",
  async run(bench) {
    const { model } = bench.server;
    const done = await sdk(bench).chat.completions.create({
      model,
      messages,
      n: 2,
      max_tokens: 40,
    });
    expectThat(done.choices.length === 2, `${done.choices.length} choices`);
    expectThat(!/<\/?think/iu.test(done.choices[0]?.message.content ?? ""), "thinking in a choice");
    return `${done.choices.length} choices`;
  },
};

const stream: Check = {
  name: "OpenAI's client, streaming",
  async run(bench) {
    const { model } = bench.server;
    const events = await sdk(bench).chat.completions.create({
      ...{ model, messages, max_tokens: 40, stream: true },
      stream_options: { include_usage: true },
    });
    let text = "";
    let usage = 0;
    for await (const event of events) {
      text += event.choices[0]?.delta.content ?? "";
      usage = event.usage?.completion_tokens ?? usage;
    }
    expectThat(text.trim() !== "", "no text came");
    expectThat(!/<\/?think/iu.test(text), "thinking in the stream");
    expectThat(usage > 0, "no usage came");
    return "text, usage and [DONE]";
  },
};

const tooLong: Check = {
  name: "a question beyond the model's context",
  async run(bench) {
    if (bench.server.contextTokens === null) return null;
    const long = `${"A patient with a cough. ".repeat(320)}${question.question}`;
    const body = { ...question, question: "Which vitamin is missing?", context: long, k: 2 };
    const { status, text } = await call(bench, "/v1/answer", body);
    const problem = problemOf(text);
    expectThat(status !== 200, "it was answered");
    expectThat(/context|too_long/u.test(problem), `status ${status} (${problem})`);
    return `${status} ${problem}`;
  },
};

const unknownModel: Check = {
  name: "a model that the server doesn't have",
  async run(bench) {
    if (bench.server.unknownModel === null) return null;
    const body = { ...question, k: 2, model: bench.server.unknownModel };
    const { status, text } = await call(bench, "/v1/answer", body);
    const problem = problemOf(text);
    expectThat(/model/u.test(problem), `status ${status} (${problem})`);
    return `${status} ${problem}`;
  },
};

const limited: Check = {
  name: "a rate limit",
  async run(bench) {
    const model = bench.server.limitedModel;
    if (model === null) return null;
    const body = { ...question, k: 1, max_tokens: 20, model };
    await call(bench, "/v1/answer", body);
    const { status, headers, text } = await call(bench, "/v1/answer", body);
    const problem = problemOf(text);
    expectThat(problem === "upstream_rate_limited", `status ${status} (${problem})`);
    expectThat(headers.has("retry-after"), "no Retry-After");
    return `${status} ${problem}, Retry-After ${headers.get("retry-after")} s`;
  },
};

const leaves: Check = {
  name: "the caller goes away",
  async run(bench) {
    bench.tap.take();
    const gone = new AbortController();
    const response = await fetch(`${bench.worker.url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        model: bench.server.model,
        messages,
        n: 4,
        stream: true,
        max_tokens: 200,
      }),
      signal: gone.signal,
    });
    const reader = response.body?.getReader();
    await reader?.read();
    gone.abort();
    const left = performance.now();
    const open = () => bench.tap.take().some(({ ended }) => !ended);
    await new Promise((resolve) => setTimeout(resolve, 2000));
    return open()
      ? "its calls were ended"
      : `it had answered within ${Math.round((performance.now() - left) / 1000)} s`;
  },
};

const batch: Check = {
  name: "a batch of three lines",
  async run(bench) {
    const lines = [1, 2, 3].map((line) =>
      JSON.stringify({
        custom_id: `line-${line}`,
        body: { ...question, k: 2, max_tokens: bench.server.writes === "any text" ? 16 : 60 },
      }),
    );
    const made = await fetch(`${bench.worker.url}/v1/batches`, {
      method: "POST",
      headers: { "content-type": "application/jsonl" },
      body: lines.join("\n"),
    });
    const { id } = (await made.json()) as { id?: string };
    expectThat(id !== undefined, `status ${made.status}`);
    for (let tries = 0; tries < 240; tries += 1) {
      const state = (await (await fetch(`${bench.worker.url}/v1/batches/${id}`)).json()) as {
        status: string;
        request_counts: { completed: number; failed: number };
      };
      if (state.status === "completed") {
        const { completed, failed } = state.request_counts;
        expectThat(completed === 3 && failed === 0, `${completed} done, ${failed} failed`);
        return "three of three";
      }
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
    throw new Differs("not done within a minute");
  },
};

const dies: Check = {
  name: "the server dies",
  async run(bench) {
    bench.server.process.child.kill("SIGKILL");
    await bench.server.process.exited;
    const { status, text } = await call(bench, "/v1/answer", { ...question, k: 2 });
    const problem = problemOf(text);
    expectThat(/^upstream_/u.test(problem), `status ${status} (${problem})`);
    return `${status} ${problem}`;
  },
};

/** In this order: the last one ends the server. */
export const checks: readonly Check[] = [
  ...[several, again, greedy, parameters, cut, chat, stream],
  ...[tooLong, unknownModel, limited, leaves, batch, dies],
];
