/** `npm run doctor -- --llm`: what tiny questions show of a server, and what is said about it. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { rowsOf, summaryOf } from "../../scripts/doctor/llmRows.ts";
import { probeLlm } from "../../scripts/doctor/probeLlm.ts";
import { part } from "../llm/provider.ts";
import { replayUnderTest } from "../llm/replay.ts";

type Body = Readonly<Record<string, unknown>>;
type Reply = { status?: number; json?: unknown; events?: readonly unknown[] };

let server: Server | null = null;
afterEach(() => {
  server?.close();
  server?.closeAllConnections();
  server = null;
});

/** A server with habits. */
async function serving(answer: (body: Body) => Reply) {
  server = createServer(async (incoming, outgoing) => {
    let text = "";
    for await (const piece of incoming) text += piece;
    const { status = 200, json, events } = answer(JSON.parse(text) as Body);
    outgoing.writeHead(status, {
      "content-type": events ? "text/event-stream" : "application/json",
    });
    if (!events) return outgoing.end(JSON.stringify(json));
    for (const event of events) outgoing.write(`data: ${JSON.stringify(event)}\n\n`);
    return outgoing.end("data: [DONE]\n\n");
  });
  await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return { baseUrl: `http://127.0.0.1:${port}/v1`, model: "m", apiKey: null };
}

async function found(target: Parameters<typeof rowsOf>[0]) {
  const findings = await probeLlm(target);
  const rows = new Map(rowsOf(target, findings).map((row) => [row.what, row.found]));
  return { findings, rows, summary: summaryOf(target, findings) };
}

const yes = part("Yes.", "stop", 0, { prompt_tokens: 5, completion_tokens: 2 });

describe("a server", () => {
  it("that takes everything", async () => {
    const target = await serving(({ n, max_tokens, logprobs }) => ({
      events: [
        ...(n === 2 ? [part("No.", "stop", 1)] : []),
        max_tokens === 1 ? part("Y", "length") : yes,
        ...(logprobs ? [{ choices: [{ index: 0, delta: {}, logprobs: { content: [] } }] }] : []),
      ],
    }));
    const { rows, summary } = await found(target);
    expect(Object.fromEntries(rows)).toMatchObject({
      streaming: "events",
      "several at once (n)": "taken",
      "n at temperature 0": "taken",
      usage: "told",
      "token limit": "max_tokens, said to be reached",
      thinking: "none seen",
      logprobs: "told",
    });
    expect(summary).toMatch(
      /^The LLM: streams, takes n, tells usage, no thinking seen, first token/u,
    );
  });

  it("that thinks, takes one choice, and wants the newer name of the limit", async () => {
    const refused = {
      status: 400,
      json: {
        error: {
          message: "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.",
          param: "max_tokens",
        },
      },
    };
    const target = await serving((body) =>
      "max_tokens" in body
        ? refused
        : { json: { choices: [{ message: { content: "<think>A star?</think>Yes." } }] } },
    );
    const { rows, summary } = await found(target);
    expect(Object.fromEntries(rows)).toMatchObject({
      streaming: "one JSON text",
      "several at once (n)": "ignored: one choice came",
      usage: "not told",
      "token limit": "max_completion_tokens, not said to be reached",
      thinking: "in the text",
    });
    expect(summary).toContain("does not stream, takes no n");
    expect(summary).toContain("thinks in the text (taken out)");
  });

  it("that refuses n at temperature 0 alone", async () => {
    const target = await serving(({ n, temperature }) =>
      n === 2 && temperature === 0
        ? { status: 400, json: { message: "n must be 1 when using greedy sampling", code: 400 } }
        : { events: [...(n === 2 ? [part("No.", "stop", 1)] : []), yes] },
    );
    const { rows } = await found(target);
    expect(rows.get("several at once (n)")).toBe("taken");
    expect(rows.get("n at temperature 0")).toBe("refused (bad_request)");
  });

  it("that wants a key, or is not there, is told with what to do", async () => {
    const target = await serving(() => ({ status: 401, json: { error: { message: "no" } } }));
    const refused = await found(target);
    expect(refused.rows.get("LLM")).toBe(
      `unauthorized (status 401) at ${target.baseUrl}, without a key`,
    );
    expect(refused.summary).toContain("set LLM_API_KEY");
    const gone = await found({ ...target, baseUrl: "http://127.0.0.1:9/v1" });
    expect(gone.rows.get("LLM")).toContain("refused_connection");
  });

  it("keeps no text of the LLM", async () => {
    const replay = await replayUnderTest();
    const canary = await serving(() => ({ events: [part("canary-7741 yes", "stop")] }));
    const { findings, rows } = await found(canary);
    expect(JSON.stringify([findings, [...rows]])).not.toContain("canary-7741");
    // The replay knows only its recordings, and says so.
    const asked = await found({ baseUrl: replay.url, model: "replay", apiKey: null });
    expect(asked.rows.get("LLM")).toContain("not_recorded");
    await replay.close();
  });
});
