/** A real /rerank server on the shipped bundle, in each form, and everything that can go wrong between. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  type RunningRerankServer,
  startRerankServer,
} from "../../../scripts/rerank-server/listen.ts";
import type { Manifest } from "../../../src/adapter/manifest.ts";
import {
  type HttpScorerOptions,
  httpScorer,
  type RerankForm,
  rerankForms,
} from "../../../src/adapter/remote/httpScorer.ts";
import { loadRemoteRanker } from "../../../src/adapter/remote/remoteRanker.ts";
import { PART_SEPARATOR } from "../../../src/adapter/template.ts";
import { bundlePath } from "../paths.node.ts";
import { type Fault, type FaultyServer, faultyServer } from "./faultyServer.ts";

const never = new AbortController().signal;
const manifest: Manifest = {
  ...JSON.parse(readFileSync(join(bundlePath, "manifest.json"), "utf8")),
  engine: { kind: "http" },
};
const pairs = {
  query: `Is it?\nyes\nno${PART_SEPARATOR}It is.`,
  texts: [`yes${PART_SEPARATOR}It is.`, `no${PART_SEPARATOR}Not.`],
};
const paths: Record<RerankForm, string> = {
  tei: "/rerank",
  vllm: "/v1/rerank",
  cohere: "/v2/rerank",
};

let server: RunningRerankServer;
let front: FaultyServer;

beforeAll(async () => {
  server = await startRerankServer({
    bundle: bundlePath,
    host: "127.0.0.1",
    port: 0,
    apiKey: null,
  });
  front = await faultyServer(server.url);
});
beforeEach(() => {
  front.fail(null);
  front.asked.length = 0;
});
afterAll(async () => {
  await front.close();
  await server.close();
});

function scorer(form: RerankForm = "tei", options: Partial<HttpScorerOptions> = {}) {
  const url = `${front.url}${paths[form]}`;
  return httpScorer({ url, form, model: null, apiKey: null, timeoutMs: 5_000, ...options });
}

describe.each(rerankForms)("the form %s", (form) => {
  test("passes the bundle's self-test, and counts tokens", async () => {
    const loaded = await loadRemoteRanker(manifest, scorer(form));
    expect(loaded.ok).toBe(true);
    const scores = await scorer(form).score(pairs, never);
    if (!scores.ok) throw new Error(scores.failure.kind);
    expect(scores.value.tokens).toBeGreaterThan(20);
  });

  test("gives the raw scores in the order of the texts", async () => {
    const there = await scorer(form).score(pairs, never);
    const back = await scorer(form).score({ ...pairs, texts: pairs.texts.toReversed() }, never);
    const raw = await scorer("tei").score(pairs, never);
    if (!there.ok || !back.ok || !raw.ok) throw new Error("no scores");
    expect(back.value.logits.toReversed()).toEqual(there.value.logits);
    raw.value.logits.forEach((logit, at) => {
      expect(there.value.logits[at]).toBeCloseTo(logit, 6);
    });
    expect(new Set(raw.value.logits).size).toBe(2);
  });

  test("sends key and model where there are any", async () => {
    await scorer(form, { apiKey: "k", model: "big" }).score(pairs, never);
    await scorer(form).score(pairs, never);
    expect(front.asked.map(({ key }) => key)).toEqual(["Bearer k", undefined]);
    const models = front.asked.map(({ body }) => JSON.parse(body).model);
    expect(models).toEqual([form === "tei" ? undefined : "big", undefined]);
  });
});

describe("a fault", () => {
  test.each<[Fault, string]>([
    ["500", "remote_server_error"],
    ["429-long", "remote_rate_limited"],
    ["401", "remote_unauthorized"],
    ["400", "remote_refused"],
    ["hang", "remote_timeout"],
    ["hang-in-body", "remote_timeout"],
    ["cut", "remote_cut"],
    ["half-json", "remote_malformed"],
    ["wrong-count", "remote_malformed"],
    ["twice-the-same", "remote_malformed"],
    ["not-a-number", "remote_malformed"],
    ["null-score", "remote_not_finite"],
    ["overflow", "remote_not_finite"],
    ["20-megabytes", "remote_too_large"],
    ["redirect", "remote_redirected"],
    ["html", "remote_malformed"],
  ])("%s is named %s, for each form, and the next call is whole", async (fault, kind) => {
    for (const form of rerankForms) {
      front.fail(fault);
      const scores = await scorer(form, { timeoutMs: 1_000 }).score(pairs, never);
      expect(scores).toEqual({ ok: false, failure: { kind } });
      front.fail(null);
      expect((await scorer(form).score(pairs, never)).ok).toBe(true);
    }
    expect(front.asked.some(({ path }) => path === "/elsewhere")).toBe(false);
  });

  test("no server at all is unreachable", async () => {
    const gone = await faultyServer(server.url);
    await gone.close();
    const scores = await scorer("tei", { url: `${gone.url}/rerank` }).score(pairs, never);
    expect(scores).toEqual({ ok: false, failure: { kind: "remote_unreachable" } });
  });

  test("that passes is tried again, three times in all; one that does not is not", async () => {
    front.fail("500", 2);
    expect((await scorer().score(pairs, never)).ok).toBe(true);
    expect(front.asked).toHaveLength(3);
    for (const [fault, tries] of [
      ["500", 3],
      ["400", 1],
      ["429-long", 1],
      ["html", 1],
    ] as const) {
      front.asked.length = 0;
      front.fail(fault);
      await scorer().score(pairs, never);
      expect(front.asked).toHaveLength(tries);
    }
  });

  test("a caller that leaves ends the call at once", async () => {
    front.fail("hang");
    const leaving = new AbortController();
    const began = Date.now();
    setTimeout(() => leaving.abort(), 100);
    expect((await scorer().score(pairs, leaving.signal)).ok).toBe(false);
    expect(Date.now() - began).toBeLessThan(1_000);
    expect(front.asked).toHaveLength(1);
  });

  test("a server that computes otherwise fails the self-test, by the vector's number", async () => {
    const { selfTest } = manifest;
    const vectors = selfTest.vectors.map((vector, at) =>
      at === 1 ? { ...vector, logit: vector.logit + 1 } : vector,
    );
    const wrong = { ...manifest, selfTest: { ...selfTest, vectors } };
    const loaded = await loadRemoteRanker(wrong, scorer());
    expect(loaded).toEqual({ ok: false, failure: { kind: "self_test_failed", vector: 1 } });
  });
});
