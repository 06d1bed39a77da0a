/** A question goes in over HTTP, a ranked answer comes out: wrangler dev, R2, the adapter, an LLM over HTTP. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  bundleDir,
  configPath,
  endStack,
  post,
  type Replay,
  startReplay,
  startWorker,
  temporaryFolder,
  type Worker,
} from "../../scripts/lib/localStack.ts";
import { seedAdapter } from "../../scripts/lib/seed.mjs";
import { type AnswerBody, AnswerResponse } from "../../src/worker/answer/schema.ts";
import { ask, type Recorded, recording, recordings } from "./recordings.ts";

let folder: string;
let replay: Replay;
let worker: Worker;

beforeAll(async () => {
  folder = temporaryFolder();
  replay = await startReplay(folder);
  const persistTo = join(folder, "state");
  await seedAdapter({ bundleDir, persistTo, configPath, channel: "stable" });
  worker = await startWorker(folder, { LLM_BASE_URL: replay.url, LLM_MODEL: "replay" });
});

afterAll(() => endStack(folder));

const answer = (body: object) => post<AnswerBody>(`${worker.url}/v1/answer`, body);

/** The texts of an answer are all among what was recorded for its question, and there are k of them. */
function expectItsOwn(body: AnswerBody, recorded: Recorded, k: number): void {
  const texts = recorded.candidates.map(({ text }) => text.trim());
  expect(body.candidates).toHaveLength(k);
  for (const candidate of body.candidates ?? []) expect(texts).toContain(candidate.text?.trim());
  if (body.answer !== null) expect(Object.keys(recorded.options ?? {})).toContain(body.answer);
}

describe("readiness", () => {
  it("names the adapter, its version, the pointer's serial and the engine", async () => {
    const response = await fetch(`${worker.url}/readyz`);
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({
      status: "ready",
      reason: null,
      adapter: { name: "mini", channel: "stable", serial: 1, version: expect.any(String) },
      engine: "simd",
      fault: null,
    });
  });

  it("does not change when the same bundle is seeded again", async () => {
    const persistTo = join(folder, "state");
    const seeded = await seedAdapter({ bundleDir, persistTo, configPath, channel: "stable" });
    expect(seeded).toMatchObject({ name: "mini", serial: 1, put: false });
  });
});

describe("POST /v1/answer", () => {
  it.each(["pubmedqa", "medqa", "mcq", "yesno", "mednli"])(
    "ranks the candidates of a %s question",
    async (task) => {
      const recorded = recording(task);
      const { status, body, headers } = await answer(ask(recorded));
      expect(status).toBe(200);
      expect(AnswerResponse.safeParse(body).error).toBeUndefined();
      expectItsOwn(body, recorded, 8);
      expect(body).toMatchObject({ task, degraded: false, strategy: "weighted_vote", failed: [] });
      expect(body.adapter).toMatchObject({ name: "mini" });
      expect(body.id).toBe(headers.get("x-request-id"));
      const candidates = body.candidates ?? [];
      expect(candidates.map(({ rank }) => rank)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
      expect(candidates.every(({ score }) => typeof score === "number")).toBe(true);
      expect(candidates[0]).toMatchObject({ answer: body.answer, text: body.text });
      expect(body.usage).toMatchObject({ candidates_scored: 8 });
      expect(body.usage.total_tokens).toBe(body.usage.prompt_tokens + body.usage.completion_tokens);
      expect(body.notice).toMatch(/not medical advice/i);
      // Without fitted calibration for this LLM and task there is no confidence, and it says why.
      if (body.confidence === null) expect(body.confidence_reason).toEqual(expect.any(String));
    },
  );

  it("says where what it reads is not English, and tells no confidence there", async () => {
    const recorded = recording("mcq");
    expect((await answer(ask(recorded))).body.language_not_validated).toBe(false);
    const evidence = "El paciente presenta una deficiencia de tiamina desde hace dos años.";
    const { body } = await answer({ ...ask(recorded), evidence });
    expect(body).toMatchObject({
      language_not_validated: true,
      confidence: null,
      confidence_reason: "language_not_validated",
    });
    expect(body.votes.length).toBeGreaterThan(0);
  });

  it("takes the best-scored candidate for best_of and the most frequent answer for vote", async () => {
    const recorded = recording("pubmedqa");
    const best = (await answer({ ...ask(recorded), strategy: "best_of" })).body;
    const scores = best.candidates?.map(({ score }) => score ?? Number.NEGATIVE_INFINITY) ?? [];
    expect(scores[0]).toBe(Math.max(...scores));
    expect(best.answer).toBe(best.candidates?.[0]?.answer);
    const vote = (await answer({ ...ask(recorded), strategy: "vote" })).body;
    expect(vote.votes[0]?.count).toBe(Math.max(...vote.votes.map(({ count }) => count)));
    expect(vote.answer).toBe(vote.votes[0]?.answer);
  });

  it("asks for as many candidates as k says, up to 32", async () => {
    const many = recordings().find(({ candidates }) => candidates.length === 32);
    if (many === undefined) throw new Error("no recording with 32 candidates");
    const { status, body } = await answer({ ...ask(many), k: 32 });
    expect(status).toBe(200);
    expectItsOwn(body, many, 32);
    expect((await answer({ ...ask(many), k: 1 })).body.candidates).toHaveLength(1);
  });

  it("leaves out what is not asked for", async () => {
    const { body } = await answer({ ...ask(recording("yesno")), k: 2, include: [] });
    expect(body).not.toHaveProperty("candidates");
    const { body: short } = await answer({
      ...ask(recording("yesno")),
      k: 2,
      include: ["candidates"],
    });
    expect(short.candidates?.[0]).not.toHaveProperty("text");
  });

  it("cuts a context that is too long, and says so", async () => {
    const recorded = recording("pubmedqa");
    const long = `${recorded.context} ${"More about the methods of the study. ".repeat(400)}`;
    const { status, body } = await answer({ ...ask(recorded), context: long, k: 2 });
    expect(status).toBe(200);
    expect(body.truncated).toBe(true);
    expect((await answer({ ...ask(recorded), context: null, k: 2 })).body.truncated).toBe(false);
  });

  it("scores by evidence as by context, but shows it to the adapter alone", async () => {
    const { context, ...bare } = ask(recording("pubmedqa"));
    const shown = await answer({ ...bare, context, k: 4 });
    const kept = await answer({ ...bare, evidence: context, k: 4 });
    const scores = ({ candidates }: AnswerBody) =>
      new Map(candidates?.map(({ index, score }) => [index, score]));
    expect(kept.status).toBe(200);
    expect(scores(kept.body)).toEqual(scores(shown.body));
    expect(kept.body.usage.prompt_tokens).toBeLessThan(shown.body.usage.prompt_tokens / 2);
    const both = await answer({ ...bare, context, evidence: context });
    expect(both.status).toBe(400);
    expect(both.body).toMatchObject({ code: "invalid_request", errors: [{ field: "evidence" }] });
  });

  it("refuses question and options over the token budget before the LLM is asked", async () => {
    const before = (await replay.stats()).requests;
    const recorded = recording("mcq");
    const long = `${recorded.question} ${"and furthermore ".repeat(400)}`;
    const { status, body } = await post(`${worker.url}/v1/answer`, {
      ...ask(recorded),
      question: long,
    });
    expect(status).toBe(400);
    expect(body).toMatchObject({ code: "question_too_long", error: { param: "question" } });
    expect(JSON.stringify(body)).not.toContain("furthermore");
    expect((await replay.stats()).requests).toBe(before);
  });

  it("abstains when a wanted error rate cannot be promised", async () => {
    const { status, body } = await answer({
      ...ask(recording("medqa")),
      abstain: { target_error: 1e-9 },
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({ abstained: true, answer: null, text: null });
    expect(body.abstained_reason).toEqual(expect.any(String));
  });

  it("says what to do about a question that was never recorded", async () => {
    const { status, body } = await post(`${worker.url}/v1/answer`, { question: "Is zinc blue?" });
    expect(status).toBe(404);
    expect(body).toMatchObject({ code: "question_not_recorded" });
    expect(body.detail).toMatch(/examples\/recorded.*LLM_BASE_URL.*127\.0\.0\.1:11434/);
  });

  it("keeps 20 different questions apart that come at once", async () => {
    const different = recordings()
      .filter((one, at, all) => all.findIndex(({ question }) => question === one.question) === at)
      .filter((_, at) => at % 2 === 0)
      .slice(0, 20);
    expect(different).toHaveLength(20);
    const answers = await Promise.all(different.map((one) => answer({ ...ask(one), k: 3 })));
    answers.forEach(({ status, body }, at) => {
      const recorded = different[at];
      if (recorded === undefined) throw new Error("unreachable");
      expect(status).toBe(200);
      expect(body.degraded).toBe(false);
      expectItsOwn(body, recorded, 3);
    });
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(20);
    const ready = await (await fetch(`${worker.url}/readyz`)).json();
    expect(ready).toMatchObject({ load: { held: 0, waiting: 0 } });
  });
});

describe("more requests than can be held at once", () => {
  it("are refused at once with Retry-After, and the others answered", async () => {
    const recorded = recordings("mcq");
    const asked = Array.from({ length: 44 }, (_, at) => {
      const one = recorded[at % recorded.length];
      if (one === undefined) throw new Error("no recordings");
      return answer({ ...ask(one), k: 1 });
    });
    const answers = await Promise.all(asked);
    const refused = answers.filter(({ status }) => status === 503);
    expect(refused.length).toBeGreaterThan(0);
    for (const { headers, body } of refused) {
      expect(headers.get("retry-after")).toMatch(/^\d+$/);
      expect(body).toMatchObject({ code: "overloaded" });
    }
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(44 - refused.length);
    expect((await answer({ ...ask(recording("mcq")), k: 1 })).status).toBe(200);
  });
});

describe("POST /v1/rerank", () => {
  const body = () => {
    const { question, options, context, candidates } = recording("pubmedqa");
    return { query: question, options, context, texts: candidates.map(({ text }) => text) };
  };

  it("scores texts in Cohere's form", async () => {
    const { texts, ...rest } = body();
    const sent = { ...rest, documents: texts, model: "mini", top_n: 3, return_documents: true };
    const { status, body: got } = await post<{
      results: { index: number; relevance_score: number; document: { text: string } }[];
    }>(`${worker.url}/v1/rerank`, sent);
    expect(status).toBe(200);
    expect(got.results).toHaveLength(3);
    const scores = got.results.map(({ relevance_score }) => relevance_score);
    expect(scores).toEqual(scores.toSorted((a, b) => b - a));
    expect(scores.every((score) => score >= 0 && score <= 1)).toBe(true);
    for (const { index, document } of got.results) expect(document.text).toBe(texts[index]);
  });

  it("scores texts in TEI's form, raw and calibrated, as /v1/answer scores them", async () => {
    type Tei = { index: number; score: number; text?: string }[];
    const raw = await post<Tei>(`${worker.url}/v1/rerank`, { ...body(), raw_scores: true });
    const calibrated = await post<Tei>(`${worker.url}/v1/rerank`, body());
    expect(raw.status).toBe(200);
    expect(raw.body.map(({ index }) => index)).toEqual(calibrated.body.map(({ index }) => index));
    const own = (await answer(ask(recording("pubmedqa")))).body;
    const { texts } = body();
    for (const { index, score } of raw.body) {
      const same = own.candidates?.find(({ text }) => text?.trim() === texts[index]?.trim());
      if (same !== undefined) expect(same.score).toBeCloseTo(score, 5);
    }
  });
});

describe("GET", () => {
  it("/v1/models lists the LLM with its adapter and the tasks", async () => {
    const models = await (await fetch(`${worker.url}/v1/models`)).json();
    expect(models).toMatchObject({
      object: "list",
      data: [{ id: "replay", medadapter: { adapter: { name: "mini" } } }],
    });
  });

  it("/openapi.json describes every route in OpenAPI 3.1", async () => {
    const document = (await (await fetch(`${worker.url}/openapi.json`)).json()) as {
      openapi: string;
      paths: object;
    };
    expect(document.openapi).toBe("3.1.0");
    expect(Object.keys(document.paths).sort()).toEqual(
      [
        "/healthz",
        "/readyz",
        "/v1/adapters",
        "/v1/answer",
        "/v1/chat/completions",
        "/v1/admin/keys",
        "/v1/admin/keys/{id}",
        "/v1/batches",
        "/v1/batches/{id}",
        "/v1/batches/{id}/cancel",
        "/v1/batches/{id}/errors",
        "/v1/batches/{id}/results",
        "/v1/feedback",
        "/v1/feedback/export",
        "/v1/feedback/{id}",
        "/v1/files/{id}/content",
        "/v1/models",
        "/rerank",
        "/v1/rerank",
        "/v2/rerank",
        "/v1/responses",
        "/v1/usage",
      ].sort(),
    );
  });
});

describe("the Worker's log", () => {
  it("has a line for each request and no word of question, options, context or candidates", () => {
    const log = readFileSync(worker.log, "utf8");
    const lines = log.split("\n").filter((line) => line.startsWith('{"event":"request"'));
    expect(lines.length).toBeGreaterThan(30);
    expect(lines.some((line) => JSON.parse(line).scored === 8)).toBe(true);
    for (const { question, context, options, candidates } of recordings()) {
      const texts = [question, context ?? "", ...Object.values(options ?? {})];
      for (const text of [...texts, ...candidates.map((one) => one.text)]) {
        if (text.length > 12) expect(log).not.toContain(text.slice(0, 40));
      }
    }
    expect(log).not.toContain("zinc");
    expect(log).not.toContain("furthermore");
  });
});
