/** What a deployment lets a caller have the LLM write: `MAX_K` candidates of `MAX_TOKENS`, on every route that asks. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { deployed, fakeLlm, newKey } from "../access/worker.ts";

const bounds = { MAX_K: "4", MAX_TOKENS: "256" };
const question = "Is it?";
const chat = { model: "replay", messages: [{ role: "user", content: question }] };

beforeEach(() => {
  for (const method of ["log", "warn"] as const) vi.spyOn(console, method).mockReturnValue();
  fakeLlm();
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** What the LLM was asked for. */
function askedOf() {
  const bodies = vi.mocked(fetch).mock.calls.map(([, init]) => JSON.parse(String(init?.body)));
  return bodies.map(({ n, max_tokens }) => ({ n, max_tokens }));
}

describe("a deployment that allows 4 candidates of 256 tokens", () => {
  it.each([
    ["/v1/answer", { question, k: 5 }, "k", 4],
    ["/v1/answer", { question, k: "auto", max_k: 5 }, "max_k", 4],
    ["/v1/answer", { question, max_tokens: 257 }, "max_tokens", 256],
    ["/v1/chat/completions", { ...chat, n: 5 }, "n", 4],
    ["/v1/chat/completions", { ...chat, medadapter: { k: 5 } }, "medadapter.k", 4],
    [
      "/v1/chat/completions",
      { ...chat, medadapter: { k: "auto", max_k: 5 } },
      "medadapter.max_k",
      4,
    ],
    ["/v1/chat/completions", { ...chat, max_tokens: 257 }, "max_tokens", 256],
    [
      "/v1/chat/completions",
      { ...chat, max_completion_tokens: 1, max_tokens: 257 },
      "max_tokens",
      256,
    ],
    ["/v1/chat/completions", { ...chat, max_completion_tokens: 257 }, "max_completion_tokens", 256],
  ])("%s refuses %j and names %s and the bound", async (path, body, field, most) => {
    const call = await deployed(bounds);
    const { key } = await newKey();
    const refused = await call(path, { key, body });
    expect(refused.status).toBe(400);
    expect(refused.body.errors).toEqual([{ field, reason: `must be at most ${most}` }]);
    expect(fetch).not.toHaveBeenCalled();
  });

  it.each([
    ["/v1/answer", { question }],
    ["/v1/answer", { question, k: "auto" }],
    ["/v1/answer", { question, k: 4, max_tokens: 256 }],
    ["/v1/chat/completions", chat],
    ["/v1/chat/completions", { ...chat, n: 4 }],
  ])("%s asks for no more by default, nor for less than was asked: %j", async (path, body) => {
    const call = await deployed(bounds);
    const { key } = await newKey();
    await call(path, { key, body });
    const asked = askedOf();
    expect(asked.reduce((sum, { n = 1 }) => sum + n, 0)).toBe(4);
    for (const { max_tokens } of asked) expect(max_tokens).toBe(256);
  });
});

describe("without the variables", () => {
  it("8 candidates of 1024 tokens are usual, and 32 may be asked for", async () => {
    const call = await deployed();
    const { key } = await newKey();
    await call("/v1/answer", { key, body: { question } });
    await call("/v1/answer", { key, body: { question, k: 32 } });
    expect(askedOf()).toEqual([
      { n: 8, max_tokens: 1024 },
      { n: 32, max_tokens: 1024 },
    ]);
  });
});
