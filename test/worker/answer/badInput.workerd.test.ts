/** Bad input over every route: a 4xx problem that names the field, in both error forms, and repeats nothing. */
import { describe, expect, it } from "vitest";
import { type ProblemBody, post, send } from "../client.ts";

/** Stands wherever a caller's text can stand; must come back nowhere. */
const canary = "kanarienvogel-4711";
const question = `Is ${canary} a bird?`;
const ask = { question };
const user = { role: "user", content: question };
const chat = { model: "replay", messages: [user] };
const cohere = { query: question, documents: [canary] };
const ab = { A: canary, B: "b" };

interface Case {
  readonly name: string;
  readonly path: string;
  readonly body: unknown;
  readonly field: string;
  readonly code?: string;
  readonly status?: number;
}

const answer = (
  name: string,
  body: unknown,
  field: string,
  code?: string,
  status?: number,
): Case => ({
  name,
  path: "/v1/answer",
  body,
  field,
  ...(code ? { code } : {}),
  ...(status ? { status } : {}),
});
const chats = (
  name: string,
  body: unknown,
  field: string,
  code?: string,
  status?: number,
): Case => ({
  ...answer(name, body, field, code, status),
  path: "/v1/chat/completions",
});
const rerank = (
  name: string,
  body: unknown,
  field: string,
  code?: string,
  status?: number,
): Case => ({
  ...answer(name, body, field, code, status),
  path: "/v1/rerank",
});

const responses = (
  name: string,
  body: unknown,
  field: string,
  code?: string,
  status?: number,
): Case => ({
  ...answer(name, body, field, code, status),
  path: "/v1/responses",
});
const image = { role: "user", content: [{ type: "input_image", image_url: canary }] };

const labelled = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, at) => [`${canary}${at}`, "x"]));
const long = `${canary} `.repeat(4000);
const unsupported = "unsupported_parameter";

const cases: readonly Case[] = [
  answer("no question", {}, "question"),
  answer("question of a wrong type", { question: 7 }, "question"),
  answer("blank question", { question: " \n\t" }, "question"),
  answer("question past all bounds", { question: long }, "question"),
  answer("a list", [canary], "body"),
  answer("a string", JSON.stringify(canary), "body"),
  answer("null", "null", "body"),
  answer("k of 0", { ...ask, k: 0 }, "k"),
  answer("k of 33", { ...ask, k: 33 }, "k"),
  answer("k of a half", { ...ask, k: 1.5 }, "k"),
  answer("k as text", { ...ask, k: canary }, "k"),
  answer("k null", { ...ask, k: null }, "k"),
  answer("max_k beside a number", { ...ask, k: 4, max_k: 8 }, "max_k"),
  answer("max_k of 33", { ...ask, k: "auto", max_k: 33 }, "max_k"),
  answer("unknown strategy", { ...ask, strategy: canary }, "strategy"),
  answer("unknown task", { ...ask, task: canary }, "task", "unknown_task"),
  answer("unknown adapter", { ...ask, adapter: canary }, "adapter", "unknown_adapter", 404),
  answer("unknown model", { ...ask, model: canary }, "model", "unknown_model", 404),
  answer("unknown field", { ...ask, stratgy: canary }, "stratgy"),
  answer("unknown field with an odd name", { ...ask, [`${canary} `.repeat(3)]: 1 }, "?"),
  answer("options as text", { ...ask, options: canary }, "options"),
  answer("option of a wrong type", { ...ask, options: { [canary]: 7 } }, "options.*"),
  answer("option with an empty label", { ...ask, options: { "": canary } }, "options"),
  answer(
    "option with a blank label",
    { ...ask, options: [{ label: " ", text: canary }] },
    "options[0].label",
  ),
  answer(
    "option with an empty text",
    { ...ask, options: [{ label: "A", text: "" }] },
    "options[0].text",
  ),
  answer("option without text", { ...ask, options: [{ label: canary }] }, "options[0].text"),
  answer(
    "option with a third field",
    { ...ask, options: [{ label: "A", text: "a", why: canary }] },
    "options[0].why",
  ),
  answer(
    "two options with one label",
    {
      ...ask,
      options: [
        { label: "A", text: "x" },
        { label: "a", text: canary },
      ],
    },
    "options[1].label",
  ),
  answer("two labels that differ in case", { ...ask, options: { a: canary, A: "b" } }, "options"),
  answer("labels of another task", { ...ask, task: "pubmedqa", options: ab }, "options"),
  answer("options for free text", { ...ask, task: "mediqa", options: ab }, "options"),
  answer("no options for mcq", { ...ask, task: "mcq" }, "options"),
  answer("no context where it is needed", { ...ask, task: "mednli" }, "context"),
  answer("context of a wrong type", { ...ask, context: [canary] }, "context"),
  answer("temperature past 2", { ...ask, temperature: 2.1 }, "temperature"),
  answer("top_p of 0", { ...ask, top_p: 0 }, "top_p"),
  answer("max_tokens of 0", { ...ask, max_tokens: 0 }, "max_tokens"),
  answer("seed as text", { ...ask, seed: canary }, "seed"),
  answer("abstain of no known kind", { ...ask, abstain: { never: 1 } }, "abstain.never"),
  answer(
    "abstain with a target of 2",
    { ...ask, abstain: { target_error: 2 } },
    "abstain.target_error",
  ),
  answer("abstain below 2", { ...ask, abstain: { below: 2 } }, "abstain.below"),
  answer("33 options by label", { ...ask, options: labelled(33) }, "options"),
  answer("33 options in a list", { ...ask, options: Array(33).fill({ label: "A" }) }, "options"),
  answer("as many options as a body holds", { ...ask, options: labelled(25_000) }, "options"),
  answer("include of everything often", { ...ask, include: Array(200_000).fill(0) }, "include"),
  answer("include of an unknown part", { ...ask, include: [canary] }, "include[0]"),

  chats("no messages", { model: "replay" }, "messages"),
  chats("empty messages", { model: "replay", messages: [] }, "messages"),
  chats("no model", { messages: [user] }, "model"),
  chats("unknown model", { ...chat, model: canary }, "model", "unknown_model", 404),
  chats(
    "unknown role",
    { ...chat, messages: [{ role: canary, content: "x" }] },
    "messages[0].role",
  ),
  chats(
    "content of a wrong type",
    { ...chat, messages: [{ role: "user", content: 7 }] },
    "messages[0].content",
  ),
  chats(
    "an answer at the end",
    { ...chat, messages: [user, { role: "assistant", content: canary }] },
    "messages",
  ),
  chats("a blank question", { ...chat, messages: [{ role: "user", content: " " }] }, "messages"),
  chats(
    "a tool's message",
    { ...chat, messages: [{ role: "tool", content: canary }] },
    "messages[0].role",
    unsupported,
  ),
  chats(
    "an image",
    {
      ...chat,
      messages: [{ role: "user", content: [{ type: "image_url", image_url: { url: canary } }] }],
    },
    "messages[0].content[0].type",
    unsupported,
  ),
  chats(
    "audio in",
    {
      ...chat,
      messages: [{ role: "user", content: [{ type: "input_audio", input_audio: canary }] }],
    },
    "messages[0].content[0].type",
    unsupported,
  ),
  chats("stream as text", { ...chat, stream: canary }, "stream"),
  chats("events as text", { ...chat, medadapter: { events: canary } }, "medadapter.events"),
  chats("max_k beside a number", { ...chat, medadapter: { max_k: 4 } }, "medadapter.max_k"),
  chats("n over max_k", { ...chat, n: 5, medadapter: { k: "auto", max_k: 4 } }, "n"),
  chats(
    "tools",
    { ...chat, tools: [{ type: "function", function: { name: canary } }] },
    "tools",
    unsupported,
  ),
  chats("functions", { ...chat, functions: [{ name: canary }] }, "functions", unsupported),
  chats(
    "a JSON schema",
    { ...chat, response_format: { type: "json_schema" } },
    "response_format",
    unsupported,
  ),
  chats("logprobs", { ...chat, logprobs: true }, "logprobs", unsupported),
  chats("top_logprobs", { ...chat, top_logprobs: 3 }, "top_logprobs", unsupported),
  chats("audio out", { ...chat, modalities: ["text", "audio"] }, "modalities", unsupported),
  chats("a voice", { ...chat, audio: { voice: canary } }, "audio", unsupported),
  chats("n of 0", { ...chat, n: 0 }, "n"),
  chats("n of 33", { ...chat, n: 33 }, "n"),
  chats("n over k", { ...chat, n: 5, medadapter: { k: 4 } }, "n"),
  chats("k of 33", { ...chat, medadapter: { k: 33 } }, "medadapter.k"),
  chats("unknown field in medadapter", { ...chat, medadapter: { kk: canary } }, "medadapter.kk"),
  chats("medadapter as text", { ...chat, medadapter: canary }, "medadapter"),
  chats(
    "unknown task",
    { ...chat, medadapter: { task: canary } },
    "medadapter.task",
    "unknown_task",
  ),
  chats(
    "unknown adapter",
    { ...chat, medadapter: { adapter: canary } },
    "medadapter.adapter",
    "unknown_adapter",
    404,
  ),
  chats(
    "two options with one label",
    {
      ...chat,
      medadapter: {
        options: [
          { label: "A", text: "x" },
          { label: "A", text: canary },
        ],
      },
    },
    "medadapter.options[1].label",
  ),
  chats(
    "options for free text",
    { ...chat, medadapter: { task: "mediqa", options: ab } },
    "medadapter.options",
  ),

  answer(
    "a field said twice",
    `{"question": "a", "question": ${JSON.stringify(canary)}}`,
    "question",
  ),
  answer("an option said twice", '{"question": "a", "options": {"A": "x", "A": "y"}}', "options.*"),
  answer(
    "an option __proto__",
    '{"question": "a", "options": {"__proto__": "x", "B": "y"}}',
    "options.*",
  ),
  answer(
    "numbers for labels, not in rising order",
    '{"question": "a", "options": {"2": "x", "1": "y"}}',
    "options.*",
  ),
  answer("a body without end of levels", `{"question": ${"[".repeat(100_000)}`, "question"),
  chats("a field said twice", '{"model": "a", "messages": [], "model": "b"}', "model"),
  responses("no input", { model: "replay" }, "input"),
  responses("blank input", { input: " " }, "input"),
  responses("an image", { input: [image] }, "input[0].content[0].type", unsupported),
  responses("tools", { input: question, tools: [{ type: canary }] }, "tools", unsupported),
  responses("store", { input: question, store: true }, "store", unsupported),
  responses(
    "an earlier one",
    { input: question, previous_response_id: canary },
    "previous_response_id",
    unsupported,
  ),
  responses("k of 33", { input: question, medadapter: { k: 33 } }, "medadapter.k"),
  responses(
    "too many tokens",
    { input: question, max_output_tokens: 100_000 },
    "max_output_tokens",
  ),
  responses("unknown model", { input: question, model: canary }, "model", "unknown_model", 404),
  responses(
    "metadata that is no text",
    { input: question, metadata: { [canary]: 7 } },
    "metadata.*",
  ),
  { ...rerank("no texts", { query: question }, "documents"), path: "/v2/rerank" },
  {
    ...rerank("text of a wrong type", { query: question, texts: [7] }, "texts[0]"),
    path: "/rerank",
  },
  rerank(
    "a document without its fields",
    { ...cohere, documents: [{ a: canary }], rank_fields: ["b"] },
    "documents[0]",
  ),

  rerank("no texts", { query: question }, "documents"),
  rerank("no query", { documents: [canary] }, "query"),
  rerank("no documents in the list", { query: question, documents: [] }, "documents"),
  rerank("document of a wrong type", { query: question, documents: [canary, 7] }, "documents[1]"),
  rerank("text of a wrong type", { query: question, texts: [canary, 7] }, "texts[1]"),
  rerank(
    "too many documents",
    { query: question, documents: Array(257).fill(canary) },
    "documents",
  ),
  rerank("unknown model", { ...cohere, model: canary }, "model", "unknown_adapter", 404),
  rerank("unknown adapter", { ...cohere, adapter: canary }, "adapter", "unknown_adapter", 404),
  rerank("unknown task", { ...cohere, task: canary }, "task", "unknown_task"),
  rerank("top_n of 0", { ...cohere, top_n: 0 }, "top_n"),
  rerank("too many answers", { ...cohere, answers: Array(200_000).fill(0) }, "answers"),
  rerank("answers for other texts", { ...cohere, options: ab, answers: ["A", "B"] }, "answers"),
  rerank(
    "an answer that is no option",
    { ...cohere, options: ab, answers: [canary] },
    "answers[0]",
  ),
  rerank(
    "raw_scores of a wrong type",
    { query: question, texts: [canary], raw_scores: canary },
    "raw_scores",
  ),
];

describe("a request with a fault in it is refused, naming the field", () => {
  it.each(cases)("$path: $name", async ({ path, body, field, code, status }) => {
    const response = await post(path, body);
    const text = await response.text();
    const problem = JSON.parse(text) as ProblemBody;
    expect(response.status).toBe(status ?? 400);
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    expect(response.headers.get("x-request-id")).toMatch(/^req_[0-9a-f]{32}$/);
    expect(problem.errors.map((error) => error.field)).toContain(field);
    expect(problem.code).toBe(code ?? "invalid_request");
    expect(problem.error).toMatchObject({ code: problem.code, param: problem.errors[0]?.field });
    expect(problem.status).toBe(response.status);
    expect(text).not.toContain(canary);
  });
});

describe("a body that cannot be read is refused", () => {
  const routes = ["/v1/answer", "/v1/chat/completions", "/v1/rerank"];
  const json = { "content-type": "application/json" };

  it.each(routes)("%s: broken JSON", async (path) => {
    for (const body of [`{"question": "${canary}`, "", "NaN", '{"k": NaN}', "\ufeff{"]) {
      const response = await post(path, body);
      const text = await response.text();
      expect(response.status).toBe(400);
      expect(JSON.parse(text)).toMatchObject({ code: "malformed_json", error: { param: null } });
      expect(text).not.toContain(canary);
    }
  });

  it.each(routes)("%s: no content type, or another", async (path) => {
    const bytes = new TextEncoder().encode(JSON.stringify(ask));
    for (const headers of [{}, { "content-type": "text/plain" }, { "content-type": canary }]) {
      const response = await send(path, { method: "POST", headers, body: bytes });
      const text = await response.text();
      expect(response.status).toBe(415);
      expect(JSON.parse(text)).toMatchObject({ code: "unsupported_media_type" });
      expect(text).not.toContain(canary);
    }
  });

  it.each(routes)("%s: over 1 MiB, with and without a stated length", async (path) => {
    const body = JSON.stringify({ question: canary, context: "x".repeat(1024 * 1024) });
    const stated = await post(path, body);
    expect(stated.status).toBe(413);
    expect(await stated.json()).toMatchObject({ code: "body_too_large" });
    const { readable, writable } = new TransformStream();
    const writing = new Blob([body]).stream().pipeTo(writable);
    const streamed = await send(path, { method: "POST", headers: json, body: readable });
    await writing.catch(() => {});
    expect(streamed.status).toBe(413);
    expect(await streamed.text()).not.toContain(canary);
  });

  it.each(routes)("%s: JSON a hundred thousand lists deep", async (path) => {
    const body = `{"question": ${"[".repeat(100_000)}${"]".repeat(100_000)}}`;
    expect((await post(path, body)).status).toBe(400);
  });

  it.each(routes)("%s: a prototype among the fields", async (path) => {
    const response = await post(path, '{"__proto__": {"question": "x"}, "constructor": 1}');
    expect(response.status).toBe(400);
  });
});

describe("a request to the wrong place is refused", () => {
  it.each([
    ["GET", "/v1/answer", "POST"],
    ["PUT", "/v1/chat/completions", "POST"],
    ["DELETE", "/v1/rerank", "POST"],
    ["POST", "/v1/models", "GET, HEAD"],
    ["POST", "/readyz", "GET, HEAD"],
    ["PATCH", "/openapi.json", "GET, HEAD"],
  ])("%s %s: 405, with what is allowed", async (method, path, allow) => {
    const response = await send(path, { method });
    expect(response.status).toBe(405);
    expect(response.headers.get("allow")).toBe(allow);
    expect(response.headers.get("x-request-id")).toMatch(/^req_/);
    expect(await response.json()).toMatchObject({ code: "method_not_allowed" });
  });

  it("says 404 for a path that is nobody's, without repeating it", async () => {
    const response = await send(`/v1/${canary}`);
    const text = await response.text();
    expect(response.status).toBe(404);
    expect(JSON.parse(text)).toMatchObject({ code: "not_found", error: { code: "not_found" } });
    expect(text).not.toContain(canary);
  });
});
