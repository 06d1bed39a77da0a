/**
 * An adapter with everything fitted (calibration, selector, thresholds, stopping rule), as the Worker serves it: k: "auto"
 * spends what it must, and an answer is withheld where its error rate could not be promised.
 */
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
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
import type { AnswerBody } from "../../src/worker/answer/schema.ts";
import { fitted, writeBundle } from "./fittedBundle.ts";
import { ask, type Recorded, recordings } from "./recordings.ts";
import { allEvents, openEvents } from "./sse.ts";

let folder: string;
let replay: Replay;
let worker: Worker;

beforeAll(async () => {
  folder = temporaryFolder();
  replay = await startReplay(folder);
  await seed("9.0.0", fitted);
  worker = await startWorker(folder, {
    LLM_BASE_URL: replay.url,
    LLM_MODEL: "replay,other",
    POINTER_INTERVAL_SECONDS: "0",
  });
  await fetch(`${worker.url}/readyz`);
});

beforeEach(() => replay.reset());
afterAll(() => endStack(folder));

async function seed(version: string, fields: Parameters<typeof writeBundle>[2]): Promise<void> {
  const bundleDir = writeBundle(folder, version, fields);
  const persistTo = join(folder, "state");
  await seedAdapter({ bundleDir, persistTo, configPath, channel: "stable" });
}

function byId(id: string): Recorded {
  const found = recordings().find((one) => one.id === id);
  if (found === undefined) throw new Error(`no recording ${id}`);
  return found;
}

/** All eight candidates say yes. */
const unanimous = byId("pubmedqa-09");
/** Five yes, two no, one maybe; of the first three two yes. */
const split = byId("pubmedqa-10");

const answer = (recorded: Recorded, more: object) =>
  post<AnswerBody>(`${worker.url}/v1/answer`, { ...ask(recorded), ...more });

const textsOf = (body: AnswerBody) =>
  (body.candidates ?? []).toSorted((a, b) => a.index - b.index).map(({ text }) => text?.trim());

const recordedTexts = ({ candidates }: Recorded, count: number) =>
  candidates.slice(0, count).map(({ text }) => text.trim());

describe('k: "auto"', () => {
  it("stops after the first wave where all agree", async () => {
    const { status, body } = await answer(unanimous, { k: "auto" });
    expect(status).toBe(200);
    expect(body).toMatchObject({ k: 3, k_stopped: "settled", answer: "yes", degraded: false });
    expect(body.usage).toMatchObject({ candidates_generated: 3, candidates_scored: 3 });
    expect(textsOf(body)).toEqual(recordedTexts(unanimous, 3));
    expect(await replay.stats()).toMatchObject({ requests: 1, choicesFinished: 3 });
  });

  it("goes on in steps up to max_k while they differ, each candidate a new one", async () => {
    const { body } = await answer(split, { k: "auto" });
    expect(body).toMatchObject({ k: 8, k_stopped: "max_k", answer: "yes" });
    expect(textsOf(body)).toEqual(recordedTexts(split, 8));
    expect(body.candidates?.map(({ index }) => index).sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    // 3 + 2 + 2 + 1; the provider bills the prompt with each.
    expect(await replay.stats()).toMatchObject({ requests: 4, choicesFinished: 8 });
    const { body: whole } = await answer(split, { k: 8 });
    expect(body.answer).toBe(whole.answer);
    expect(body.usage.prompt_tokens).toBe(4 * whole.usage.prompt_tokens);
    expect(body.usage.completion_tokens).toBe(whole.usage.completion_tokens);
  });

  it("holds to max_k, also under the first wave", async () => {
    expect((await answer(split, { k: "auto", max_k: 5 })).body).toMatchObject({ k: 5 });
    expect((await answer(split, { k: "auto", max_k: 2 })).body).toMatchObject({
      k: 2,
      k_stopped: "max_k",
    });
  });

  it("comes to the same where the LLM takes no n", async () => {
    await replay.fail("refuse-n");
    const { body } = await answer(split, { k: "auto", max_k: 5, model: "other" });
    expect(textsOf(body)).toEqual(recordedTexts(split, 5));
  });

  it("asks no more of an LLM that brings nothing", async () => {
    await replay.fail("401");
    const failing = await post(`${worker.url}/v1/answer`, { ...ask(split), k: "auto" });
    expect(failing).toMatchObject({ status: 502, body: { code: "upstream_unauthorized" } });
    expect(await replay.stats()).toMatchObject({ requests: 1 });
  });

  it("gives a chat its n best, however sure the first are", async () => {
    const { question, options, context } = unanimous;
    const { body } = await post<{ choices: unknown[]; medadapter: AnswerBody }>(
      `${worker.url}/v1/chat/completions`,
      {
        model: "replay",
        n: 4,
        messages: [{ role: "user", content: question }],
        medadapter: { k: "auto", options, context, task: "pubmedqa" },
      },
    );
    expect(body.choices).toHaveLength(4);
    expect(body.medadapter).toMatchObject({ k: 4, k_stopped: "settled" });
  });

  it("is streamed like any other", async () => {
    const body = { ...ask(split), k: "auto", max_k: 5 };
    const events = await allEvents(await openEvents(`${worker.url}/v1/answer`, body));
    expect(events.filter(({ name }) => name === "candidate")).toHaveLength(5);
    const last = JSON.parse(events.at(-2)?.data ?? "");
    expect(last.medadapter).toMatchObject({ k: 5, k_stopped: "max_k" });
  });
});

describe("abstain", () => {
  // The vote share of "yes" is 5/8: confidence sigmoid(10 * 0.625 - 5).
  const confidence = 1 / (1 + Math.exp(-1.25));

  it("is not needed for a confidence", async () => {
    const { body } = await answer(split, {});
    expect(body).toMatchObject({ answer: "yes", abstained: false, confidence_reason: null });
    expect(body.confidence).toBeCloseTo(confidence, 6);
  });

  it.each([
    ["an attainable error rate, held", { target_error: 0.2 }, null],
    [
      "a rate between two that were fitted: the stricter",
      { target_error: 0.15 },
      "below_threshold",
    ],
    ["an attainable error rate, missed", { target_error: 0.1 }, "below_threshold"],
    ["an error rate that the data cannot support", { target_error: 0.05 }, "target_unattainable"],
    [
      "an error rate stricter than all that were fitted",
      { target_error: 0.01 },
      "target_not_fitted",
    ],
    ["a confidence, reached", { below: 0.7 }, null],
    ["a confidence, missed", { below: 0.8 }, "below_threshold"],
  ])("by %s", async (_, abstain, reason) => {
    const { status, body } = await answer(split, { abstain });
    expect(status).toBe(200);
    expect(body).toMatchObject({ abstained: reason !== null, abstained_reason: reason });
    expect(body.confidence).toBeCloseTo(confidence, 6);
    if (reason === null) {
      expect(body).toMatchObject({ answer: "yes", text: body.candidates?.[0]?.text });
    } else {
      expect(body).toMatchObject({ answer: null, text: null });
      expect(body.votes[0]).toEqual({ answer: "yes", count: 5, by_llm: { replay: 5 } });
    }
  });

  it("answers the surest under a strict rate", async () => {
    const { body } = await answer(unanimous, { abstain: { target_error: 0.1 } });
    expect(body).toMatchObject({ abstained: false, answer: "yes" });
  });

  it.each([
    ["another LLM", split, { model: "other" }, "not_validated_for_llm_task"],
    ["another task", byId("mednli-01"), {}, "not_validated_for_llm_task"],
    ["a kind of question without a fit", byId("mcq-01"), {}, "not_calibrated"],
    ["another strategy", split, { strategy: "vote" }, "not_calibrated_for_strategy"],
    ["two candidates", unanimous, { k: 2 }, "too_few_candidates"],
  ])("always, where there is no confidence: %s", async (_, recorded, more, why) => {
    for (const abstain of [{ target_error: 0.2 }, { below: 0.1 }]) {
      const { body } = await answer(recorded, { ...more, abstain });
      expect(body).toMatchObject({
        confidence: null,
        confidence_reason: why,
        abstained: true,
        abstained_reason: "no_confidence",
        answer: null,
        text: null,
      });
    }
    const { body } = await answer(recorded, more);
    expect(body).toMatchObject({ confidence: null, abstained: false });
    expect(body.answer).toEqual(expect.any(String));
  });
});

describe("an adapter without a stopping rule", () => {
  it("has all of max_k spent on it, and says so", async () => {
    await seed("9.1.0", { ...fitted, adaptiveK: null });
    const version = async () => {
      const ready = await (await fetch(`${worker.url}/readyz`)).json();
      return (ready as { adapter: { version: string } }).adapter.version;
    };
    await expect.poll(version, { timeout: 30_000 }).toBe("9.1.0");
    const { body } = await answer(unanimous, { k: "auto", max_k: 6 });
    expect(body).toMatchObject({ k: 6, k_stopped: "no_rule", degraded: false });
    expect(await replay.stats()).toMatchObject({ requests: 1, choicesFinished: 6 });
  });
});
