/** The texts that a rerank request is about, and the forms of its answer. */
import { describe, expect, it } from "vitest";
import type { Logit, Probability, Score } from "../../../src/adapter/ranker.ts";
import { cohereBody, teiBody } from "../../../src/worker/rerank/body.ts";
import { cutMiddle, textsOf } from "../../../src/worker/rerank/documents.ts";
import { CohereRequest, RerankRequest, TeiRequest } from "../../../src/worker/rerank/schema.ts";

const read = (body: object) => textsOf(RerankRequest.parse({ query: "Is it?", ...body }));
const textOf = (document: unknown, more: object = {}) =>
  read({ documents: [document], ...more })[0]?.text;

describe("a structured document", () => {
  const book = { title: "On Scurvy", text: "Citrus fruit cured it.", year: 1753, note: null };

  it("is read by its rank_fields, in their order", () => {
    expect(textOf(book, { rank_fields: ["year", "title"] })).toBe("year: 1753\ntitle: On Scurvy");
    expect(textOf(book, { rank_fields: ["title"] })).toBe("On Scurvy");
  });

  it("without them by its text, and without that as a whole, a line a field", () => {
    expect(textOf(book)).toBe("Citrus fruit cured it.");
    const { text: _, ...rest } = book;
    expect(textOf(rest)).toBe("title: On Scurvy\nyear: 1753");
    expect(textOf({ tags: ["lime", "sea"], in: { port: "Leith" } })).toBe(
      'tags: lime, sea\nin: {"port":"Leith"}',
    );
  });

  it("leaves out fields that it lacks, and is refused by its place where it lacks all", () => {
    expect(textOf(book, { rank_fields: ["title", "author"] })).toBe("title: On Scurvy");
    const refused = () => read({ documents: ["a", book], rank_fields: ["author", "toString"] });
    expect(refused).toThrow(
      expect.objectContaining({
        details: { fields: [{ field: "documents[1]", reason: "has none of rank_fields" }] },
      }),
    );
    expect(() => read({ documents: [{}] })).toThrow("invalid_request");
  });

  it("rank_fields say nothing of documents that are texts", () => {
    expect(textOf("plain", { rank_fields: ["title"] })).toBe("plain");
  });
});

describe("a text that is too long", () => {
  it("loses its middle, whatever stands there, and says so", () => {
    const long = `begin ${"\u{1F34B}".repeat(300_000)} end`;
    const { text, cut } = cutMiddle(long);
    expect(cut).toBe(true);
    expect(text.length).toBeLessThan(33_000);
    expect(text.startsWith("begin")).toBe(true);
    expect(text.endsWith(" end")).toBe(true);
    expect(text.isWellFormed()).toBe(true);
    expect(cutMiddle("short")).toEqual({ text: "short", cut: false });
  });

  it("is taken up to the bound of a body", () => {
    expect(read({ texts: ["x".repeat(1_000_000), "y"] }).map(({ cut }) => cut)).toEqual([
      true,
      false,
    ]);
    expect(RerankRequest.safeParse({ query: "x".repeat(1_000_000), texts: ["y"] }).success).toBe(
      true,
    );
  });
});

describe("the fields of other services", () => {
  it.each([
    { top_n: 40, return_documents: false, max_chunks_per_doc: 8, overlap_tokens: 4 },
    { max_tokens_per_doc: 512, priority: 1 },
    { top_k: 1, truncation: true },
    { return_embeddings: false, truncate: true, user: "somebody", raw_scores: false },
    { top_n: null, return_documents: null, rank_fields: null, model: null },
  ])("%j are taken", (more) => {
    const body = { query: "Is it?", documents: ["a", "b"], ...more };
    expect(RerankRequest.safeParse(body).success).toBe(true);
  });
});

const scoring = {
  adapter: { name: "mini", version: "1", channel: "stable" as const },
  truncated: false,
  figures: { tokens: 12, scored: 2, prefixMs: null, scoringMs: 0 },
};
const score = (logit: number, truncated = false): Score => ({
  logit: logit as Logit,
  probability: (1 / (1 + Math.exp(-logit))) as Probability,
  truncated,
  tokens: 3,
});
const ranked = [
  { index: 1, text: "b", answer: null, score: score(2, true), truncated: true },
  { index: 0, text: "a", answer: "A", score: score(-1), truncated: false },
];
const parts = { id: "req_1", task: "mcq", notice: "No advice.", queryCut: false };
const cohere = (more: object = {}) => {
  const body = CohereRequest.parse({
    query: "Is it?",
    documents: ["a", { text: "b", n: 1 }],
    ...more,
  });
  return cohereBody(body, ranked, scoring, parts);
};

describe("the answer", () => {
  it("has no document unless it is asked for, then the caller's own with its text", () => {
    expect(cohere().results.every((one) => !("document" in one))).toBe(true);
    const { results } = cohere({ return_documents: true });
    expect(results.map(({ document }) => document)).toEqual([{ text: "b", n: 1 }, { text: "a" }]);
  });

  it("gives all where more are asked for than there are", () => {
    expect(cohere({ top_n: 99 }).results).toHaveLength(2);
    expect(cohere({ top_n: 1 }).results.map(({ index }) => index)).toEqual([1]);
    expect(cohere({ top_k: 1 }).results).toHaveLength(1);
  });

  it("warns of what was cut, by its number", () => {
    expect(cohere().meta.warnings).toEqual([
      "These texts were too long for the adapter, their middle was not read: 1.",
    ]);
    expect(cohere().results.map(({ truncated }) => truncated)).toEqual([true, false]);
    const body = CohereRequest.parse({ query: "Is it?", documents: ["a"] });
    const whole = cohereBody(body, ranked.slice(1), scoring, parts);
    expect(whole.meta).not.toHaveProperty("warnings");
    const cut = cohereBody(body, ranked.slice(1), scoring, { ...parts, queryCut: true });
    expect(cut.medadapter.truncated).toBe(true);
    expect(cut.meta.warnings).toHaveLength(1);
  });

  it("counts tokens as Jina does, and is Voyage's too for Voyage's fields", () => {
    expect(cohere()).toMatchObject({ object: "list", model: "mini", usage: { total_tokens: 12 } });
    expect(cohere()).not.toHaveProperty("data");
    const { data } = cohere({ truncation: true, top_k: null, return_documents: true });
    expect(data?.map(({ index, document }) => [index, document])).toEqual([
      [1, "b"],
      [0, "a"],
    ]);
  });

  it("in TEI's form is a bare list", () => {
    const body = TeiRequest.parse({ query: "Is it?", texts: ["a", "b"], raw_scores: true });
    expect(teiBody(body, ranked)).toEqual([
      { index: 1, score: 2, truncated: true },
      { index: 0, score: -1 },
    ]);
    const texts = teiBody({ ...body, return_text: true }, ranked).map(({ text }) => text);
    expect(texts).toEqual(["b", "a"]);
  });
});
