/** The answer in headers: labels and numbers, never a text; the same where it is given again. */
import { describe, expect, it } from "vitest";
import { EXPOSED } from "../../../src/worker/access/authenticate.ts";
import { figureHeaders, figuresOf, withFigures } from "../../../src/worker/answer/headers.ts";
import { answerHeaders } from "../../../src/worker/http/schema.ts";

const parts = {
  answer: "B" as string | null,
  task: "mcq",
  confidence: 0.875 as number | null,
  confidence_reason: null as string | null,
  abstained: false,
  abstained_reason: null as string | null,
  degraded: false,
  adapter: { name: "mini", version: "1.0.0", channel: "stable" as const },
  urgent: false,
};

describe("the headers of an answer", () => {
  it("say what was chosen, how sure, and by which version", () => {
    expect(figuresOf(parts)).toEqual({
      "x-medadapter-answer": "B",
      "x-medadapter-confidence": "0.875",
      "x-medadapter-abstained": "false",
      "x-medadapter-degraded": "false",
      "x-medadapter-adapter": "mini@1.0.0",
      "x-medadapter-urgent": "false",
    });
  });

  it("say why there is no answer or no confidence", () => {
    const silent = {
      ...parts,
      answer: null,
      confidence: null,
      confidence_reason: "not_fitted",
      abstained: true,
      abstained_reason: "no_confidence",
    };
    const headers = figuresOf(silent);
    expect(headers).toMatchObject({
      "x-medadapter-abstained": "true",
      "x-medadapter-abstained-reason": "no_confidence",
      "x-medadapter-confidence-reason": "not_fitted",
    });
    expect(headers).not.toHaveProperty("x-medadapter-answer");
    expect(headers).not.toHaveProperty("x-medadapter-confidence");
  });

  it("hold no free text", () => {
    const free = figuresOf({ ...parts, task: "mediqa", answer: "Rest, and plenty of water." });
    expect(JSON.stringify(free)).not.toContain("water");
  });

  it.each(["\u0623", "no\r\nx-evil: 1", "\u9078\u629e\u80a2", "50 %", "\ud800"])(
    "encode label %j, so that any header may hold it",
    (label) => {
      const value = figuresOf({ ...parts, answer: label })["x-medadapter-answer"] ?? "";
      expect(value).toMatch(/^[\x21-\x7e]+$/);
      expect(decodeURIComponent(value)).toBe(label.toWellFormed());
    },
  );

  it("may be read by scripts of other origins", () => {
    expect(EXPOSED).toEqual(expect.arrayContaining(Object.keys(figureHeaders)));
    expect(EXPOSED).toEqual(expect.arrayContaining(Object.keys(answerHeaders)));
  });
});

describe("an answer that is given again", () => {
  const kept = (body: unknown, type = "application/json") =>
    new Response(JSON.stringify(body), {
      headers: { "content-type": type, "idempotent-replayed": "true" },
    });

  it("has the headers of the first, of /v1/answer as of a chat", async () => {
    for (const body of [parts, { id: "chatcmpl-1", medadapter: parts }]) {
      const again = await withFigures(kept(body));
      expect(Object.fromEntries(again.headers)).toMatchObject({
        ...figuresOf(parts),
        "idempotent-replayed": "true",
      });
      expect(await again.json()).toEqual(body);
    }
  });

  it("is left as it is where it is a stream or something else", async () => {
    for (const response of [kept(parts, "text/event-stream"), kept({ results: [] })]) {
      const again = await withFigures(response);
      expect([...again.headers.keys()].some((name) => name.startsWith("x-medadapter"))).toBe(false);
      expect(await again.text()).not.toBe("");
    }
  });
});
