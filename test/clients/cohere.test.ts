/** Cohere's SDK against `/v1/rerank`. */
import { CohereClient, CohereError } from "cohere-ai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Service, startService } from "./service.ts";

let service: Service;
let client: CohereClient;

beforeAll(async () => {
  service = await startService();
  client = new CohereClient({ token: "none", environment: service.url });
});

afterAll(() => service?.stop());

const query = "Deficiency of which vitamin causes Wernicke encephalopathy?";
const documents = [
  "Vitamin C protects collagen. Its lack is scurvy, not an encephalopathy.",
  "Confusion, ataxia and ophthalmoplegia follow from a lack of thiamine. Answer: thiamine",
  "I do not know.",
];

describe("Cohere's SDK", () => {
  it("ranks texts, best first, and says what was billed", async () => {
    const { id, results, meta } = await client.rerank({ query, documents, topN: 2 });
    expect(id).toMatch(/^req_/);
    expect(results).toHaveLength(2);
    const scores = results.map(({ relevanceScore }) => relevanceScore);
    expect(scores).toEqual([...scores].sort((x, y) => y - x));
    expect(results.every(({ relevanceScore: p }) => p > 0 && p < 1)).toBe(true);
    expect(meta?.billedUnits?.searchUnits).toBe(1);
  });

  it("gets the documents back where it asks for them", async () => {
    const { results } = await client.rerank({ query, documents, returnDocuments: true });
    for (const { index, document } of results) expect(document?.text).toBe(documents[index]);
  });

  it("throws its own error for what is refused", async () => {
    const wrong = client.rerank({ query, documents: [] }, { maxRetries: 0 });
    await expect(wrong).rejects.toBeInstanceOf(CohereError);
    await expect(wrong).rejects.toMatchObject({ statusCode: 400 });
    const unknown = client.rerank({ query, documents, model: "no-such-adapter" });
    await expect(unknown).rejects.toMatchObject({ statusCode: 404 });
  });

  it("can be told to give up", async () => {
    const stop = new AbortController();
    const many = Array.from({ length: 200 }, (_, i) => `${documents[i % 3]} ${i}`);
    const asked = client.rerank({ query, documents: many }, { abortSignal: stop.signal });
    setTimeout(() => stop.abort(), 100);
    await expect(asked).rejects.toThrow();
    expect((await client.rerank({ query, documents })).results).toHaveLength(3);
  });
});
