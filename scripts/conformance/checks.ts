/** What is checked against each server: the whole path of a request, over HTTP, as an app would use it. */
import {
  type Answer,
  ask,
  type Bench,
  call,
  Differs,
  expectTexts,
  expectThat,
  expectUsage,
  messages,
  problemOf,
  question,
  sdk,
  way,
} from "./asking.ts";

export interface Check {
  readonly name: string;
  /** null: the server has nothing to check here. Returns what was seen; throws `Differs` where it is wrong. */
  run(bench: Bench): Promise<string | null>;
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
  name: "four candidates for the third time",
  async run(bench) {
    await ask(bench, { k: 4, temperature: 0.8 });
    const answer = await ask(bench, { k: 4, temperature: 0.8 });
    const exchanges = bench.tap.take();
    expectThat(answer.candidates.length === 4, `${answer.candidates.length} candidates`);
    expectThat(
      exchanges.every(({ status }) => status === 200),
      "a call that was refused before was made again",
    );
    expectThat(
      exchanges.length === 1 || exchanges.every(({ n }) => n === 1),
      "more choices were asked for than this server has brought before, twice",
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
    const calls = bench.tap.take();
    gone.abort();
    for (let tries = 0; tries < 20 && calls.some(({ state }) => state === "open"); tries += 1) {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    const open = calls.filter(({ state }) => state === "open").length;
    expectThat(calls.length > 0 && open === 0, `${open} of ${calls.length} calls go on after 2 s`);
    const broken = calls.filter(({ state }) => state === "broken").length;
    return broken > 0 ? "its calls were ended" : "it had answered before";
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
