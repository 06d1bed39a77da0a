/** The rerank routes with the clients of Cohere's V2, LangChain and LlamaIndex, and in the forms of TEI, Jina and Voyage. */
import { CohereRerank as LangChainRerank } from "@langchain/cohere";
import { Document } from "@langchain/core/documents";
import { CohereRerank as LlamaIndexRerank } from "@llamaindex/cohere";
import { TextNode } from "@llamaindex/core/schema";
import { CohereClient, CohereClientV2, CohereError } from "cohere-ai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Service, startService } from "./service.ts";

let service: Service;

beforeAll(async () => {
  service = await startService();
});

afterAll(() => service?.stop());

const query = "Deficiency of which vitamin causes Wernicke encephalopathy?";
const documents = [
  "Vitamin C protects collagen. Its lack is scurvy, not an encephalopathy.",
  "Confusion, ataxia and ophthalmoplegia follow from a lack of thiamine. Answer: thiamine",
  "I do not know.",
];

async function post(path: string, body: object) {
  const response = await fetch(`${service.url}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  // biome-ignore lint/suspicious/noExplicitAny: bodies of several services, looked at member by member
  return { status: response.status, body: (await response.json()) as any };
}

const descending = (scores: readonly number[]) => scores.toSorted((x, y) => y - x);

describe("Cohere's SDK, V2", () => {
  it("ranks texts, best first", async () => {
    const client = new CohereClientV2({ token: "none", environment: service.url });
    const { id, results, meta } = await client.rerank({ model: "mini", query, documents, topN: 2 });
    expect(id).toMatch(/^req_/);
    expect(results).toHaveLength(2);
    const scores = results.map(({ relevanceScore }) => relevanceScore);
    expect(scores).toEqual(descending(scores));
    expect(meta?.billedUnits?.searchUnits).toBe(1);
    await expect(
      client.rerank({ model: "no-such-adapter", query, documents }),
    ).rejects.toBeInstanceOf(CohereError);
  });

  it("ranks as V1 does, of structured documents too", async () => {
    const v1 = new CohereClient({ token: "none", environment: service.url });
    const structured = documents.map((body, at) => ({ title: `Text ${at}`, body }));
    const { results } = await v1.rerank({
      model: "mini",
      query,
      documents: structured,
      rankFields: ["body"],
      returnDocuments: true,
      maxChunksPerDoc: 4,
    });
    const plain = await v1.rerank({ model: "mini", query, documents });
    expect(results.map(({ index, relevanceScore }) => [index, relevanceScore])).toEqual(
      plain.results.map(({ index, relevanceScore }) => [index, relevanceScore]),
    );
    expect(results[0]?.document).toMatchObject(structured[results[0]?.index ?? -1] ?? {});
  });
});

describe("LangChain's CohereRerank", () => {
  it("compresses documents to the best, with their scores", async () => {
    const reranker = new LangChainRerank({
      // It brings a Cohere SDK of its own, whose type differs in a private member.
      client: new CohereClient({ token: "none", environment: service.url }) as never,
      model: "mini",
      topN: 2,
    });
    const given = documents.map((pageContent) => new Document({ pageContent }));
    const best = await reranker.compressDocuments(given, query);
    expect(best).toHaveLength(2);
    const scores = best.map(({ metadata }) => metadata.relevanceScore);
    expect(scores).toEqual(descending(scores));
    // More than there are.
    const all = await reranker.rerank(given, query, { topN: 40 });
    expect(all.map(({ index }) => index).sort()).toEqual([0, 1, 2]);
  });
});

describe("LlamaIndex's CohereRerank", () => {
  it("keeps the best nodes, with their scores", async () => {
    const reranker = new LlamaIndexRerank({
      topN: 2,
      model: "mini",
      apiKey: "none",
      baseUrl: service.url,
    });
    const nodes = documents.map((text) => ({ node: new TextNode({ text }), score: 0 }));
    const best = await reranker.postprocessNodes(nodes, query);
    expect(best).toHaveLength(2);
    const scores = best.map(({ score }) => score ?? Number.NaN);
    expect(scores.every((score) => score > 0 && score < 1)).toBe(true);
    expect(scores).toEqual(descending(scores));
  });
});

describe("other services' forms", () => {
  it("TEI's at /rerank is a bare list", async () => {
    const { status, body } = await post("/rerank", {
      query,
      texts: documents,
      raw_scores: true,
      return_text: true,
      truncate: true,
      truncation_direction: "right",
    });
    expect(status).toBe(200);
    expect(body).toHaveLength(3);
    for (const { index, score, text } of body) {
      expect(Number.isFinite(score)).toBe(true);
      expect(text).toBe(documents[index]);
    }
  });

  it("Jina's and vLLM's have an object, a model and tokens", async () => {
    for (const path of ["/v1/rerank", "/v2/rerank", "/rerank"]) {
      const { status, body } = await post(path, {
        model: "mini",
        query,
        documents,
        top_n: 2,
        return_documents: true,
        truncate_prompt_tokens: 512,
      });
      expect(status).toBe(200);
      expect(body).toMatchObject({ object: "list", model: "mini" });
      expect(body.usage.total_tokens).toBeGreaterThan(0);
      expect(body.results).toHaveLength(2);
      for (const { index, document } of body.results)
        expect(document).toEqual({ text: documents[index] });
    }
  });

  it("Voyage's has its list in data", async () => {
    const { body } = await post("/v1/rerank", {
      model: "mini",
      query,
      documents,
      top_k: 2,
      truncation: true,
      return_documents: true,
    });
    expect(body.data).toHaveLength(2);
    expect(body.data[0].document).toBe(documents[body.data[0].index]);
    expect(body.data[0].relevance_score).toBe(body.results[0].relevance_score);
  });
});

describe("texts as the world has them", () => {
  it("are cut where they are too long, query too, and that is said", async () => {
    const long = `${"The patient was seen again. ".repeat(9_000)}Answer: thiamine`;
    const { status, body } = await post("/v1/rerank", {
      query: `${"In the year before, he had no complaints. ".repeat(9_000)}${query}`,
      documents: ["short", long],
    });
    expect(status).toBe(200);
    const cut = new Map(
      body.results.map((one: { index: number; truncated: boolean }) => [one.index, one.truncated]),
    );
    expect([cut.get(0), cut.get(1)]).toEqual([false, true]);
    expect(body.medadapter.truncated).toBe(true);
    expect(body.meta.warnings).toHaveLength(2);
    const tei = await post("/rerank", { query, texts: ["short", long] });
    expect(tei.body.filter((one: { truncated?: boolean }) => one.truncated)).toHaveLength(1);
  });

  it("have finite scores, whatever little they hold", async () => {
    const little = ["\u064f", "\u0301\u0301", "", " \n", "\u200b", "\u{1F34B}", "Answer: B"];
    for (const asked of ["q", "\u064f"]) {
      const { status, body } = await post("/v1/rerank", { query: asked, documents: little });
      expect(status).toBe(200);
      expect(body.results).toHaveLength(little.length);
      for (const { score, relevance_score } of body.results) {
        expect(Number.isFinite(score) && Number.isFinite(relevance_score)).toBe(true);
      }
    }
  });

  it("are not read where the options are too long: refused by name", async () => {
    const options = Object.fromEntries(
      Array.from({ length: 32 }, (_, at) => [`L${at}`, `word${at} `.repeat(1_000)]),
    );
    const many = Array.from({ length: 256 }, () => "L1");
    const { status, body } = await post("/v1/rerank", { query, options, documents: many });
    expect(status).toBe(400);
    expect(body).toMatchObject({ code: "question_too_long", errors: [{ field: "options" }] });
  });
});
