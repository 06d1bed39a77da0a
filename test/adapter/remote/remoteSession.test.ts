/** A question whose scores come from a real server: the built-in engine's scores, in few calls, and an end to it. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  type RunningRerankServer,
  startRerankServer,
} from "../../../scripts/rerank-server/listen.ts";
import { verifyBundle } from "../../../src/adapter/bundle.ts";
import { bundleFolder } from "../../../src/adapter/bundleStore.node.ts";
import { startEngine } from "../../../src/adapter/engines/simd/engine.node.ts";
import { loadRanker } from "../../../src/adapter/load.ts";
import type { Manifest } from "../../../src/adapter/manifest.ts";
import type { CandidateText, RankedQuestion, Ranker } from "../../../src/adapter/ranker.ts";
import { httpScorer } from "../../../src/adapter/remote/httpScorer.ts";
import { RemoteRanker } from "../../../src/adapter/remote/remoteRanker.ts";
import type { Question } from "../../../src/tasks/question.ts";
import { bundlePath } from "../paths.node.ts";
import { type FaultyServer, faultyServer } from "./faultyServer.ts";

const never = new AbortController().signal;
const manifest: Manifest = {
  ...JSON.parse(readFileSync(join(bundlePath, "manifest.json"), "utf8")),
  engine: { kind: "http" },
};
const options = ["yes", "no", "maybe"].map((label) => ({ label, text: label }));
const question: Question = {
  question: "Does aspirin help\nafter a stroke?",
  options,
  context: "A trial of 300 people.\nAspirin helped 20 of 150. [SEP] Nobody bled.",
};
const candidates: CandidateText[] = Array.from({ length: 40 }, (_, at) => ({
  answer: options[at % 4] ?? null,
  text: `Reason ${at}: the trial says so. #### ${options[at % 4]?.label}`,
}));

let server: RunningRerankServer;
let front: FaultyServer;
let own: Ranker;
let remote: Ranker;

beforeAll(async () => {
  server = await startRerankServer({
    bundle: bundlePath,
    host: "127.0.0.1",
    port: 0,
    apiKey: null,
  });
  front = await faultyServer(server.url);
  const bundle = await verifyBundle(bundleFolder(bundlePath), { keep: ["tokenizer", "simd"] });
  if (!bundle.ok) throw new Error(bundle.failure.kind);
  const loaded = await loadRanker(bundle.value, startEngine);
  if (!loaded.ok) throw new Error(loaded.failure.kind);
  own = loaded.value;
  const url = `${front.url}/rerank`;
  const scorer = httpScorer({ url, form: "tei", model: null, apiKey: null, timeoutMs: 5_000 });
  remote = new RemoteRanker(manifest, scorer);
});
beforeEach(() => {
  front.fail(null);
  front.asked.length = 0;
});
afterAll(async () => {
  await own.retire();
  await front.close();
  await server.close();
});

function open(ranker: Ranker, asked: Question = question, signal = never): RankedQuestion {
  const opened = ranker.open(asked, signal);
  if (!opened.ok) throw new Error(opened.failure.kind);
  return opened.value;
}

async function scoresOf(ranker: Ranker, asked: Question, some: readonly CandidateText[]) {
  const session = open(ranker, asked);
  const results = await Promise.all(some.map((one) => session.score(one)));
  session.close();
  return results.map((result) => {
    if (!result.ok) throw new Error(result.failure.kind);
    return result.value;
  });
}

const long = (words: number) => "The dose was raised twice a week. ".repeat(words / 7);

describe("a remote question", () => {
  test.each<[string, Question, readonly CandidateText[]]>([
    ["options and context", question, candidates.slice(0, 8)],
    ["no options, no context", { ...question, options: [], context: null }, candidates.slice(0, 3)],
    [
      "a context and a candidate that are cut",
      { ...question, context: long(3_000) },
      [{ answer: null, text: `Begin. ${long(900)} End.` }],
    ],
    [
      "control characters and half characters",
      { ...question, context: "A \u001e seam\u0000, half a \ud83d" },
      [{ answer: options[0] ?? null, text: "yes\u001e then no \udc00" }],
    ],
  ])("has the built-in engine's scores: %s", async (_, asked, some) => {
    const here = await scoresOf(own, asked, some);
    const there = await scoresOf(remote, asked, some);
    expect(there.map(({ logit }) => logit)).toEqual(here.map(({ logit }) => logit));
    expect(there.map(({ probability }) => probability)).toEqual(
      here.map(({ probability }) => probability),
    );
  });

  test("sends what comes together in calls of at most 32, and counts each call's tokens", async () => {
    const scores = await scoresOf(remote, question, candidates);
    expect(front.asked.map(({ body }) => JSON.parse(body).texts.length)).toEqual([32, 8]);
    const read = scores.reduce((sum, { tokens }) => sum + tokens, 0);
    expect(read).toBeGreaterThan(40 * 10);
  });

  test("sends one that comes alone at once, those that come meanwhile in one more call", async () => {
    const session = open(remote);
    const first = session.score({ answer: null, text: "alone" });
    await expect.poll(() => front.asked.length).toBe(1);
    const others = candidates.slice(0, 5).map((one) => session.score(one));
    await Promise.all([first, ...others]);
    session.close();
    expect(front.asked.map(({ body }) => JSON.parse(body).texts.length)).toEqual([1, 5]);
  });

  test("scores the same candidate once", async () => {
    const session = open(remote);
    const [one] = candidates;
    if (one === undefined) throw new Error("no candidates");
    const [a, b] = await Promise.all([session.score(one), session.score(one)]);
    const c = await session.score(one);
    session.close();
    expect(a).toBe(b);
    expect(c).toBe(a);
    expect(front.asked).toHaveLength(1);
  });

  test("fails all that wait when a call fails, and calls no more", async () => {
    front.fail("400");
    const session = open(remote);
    const results = await Promise.all(candidates.map((one) => session.score(one)));
    const after = await session.score({ answer: null, text: "later" });
    session.close();
    const failure = { ok: false, failure: { kind: "remote_refused" } };
    expect([...results, after]).toEqual(Array.from({ length: 41 }, () => failure));
    expect(front.asked).toHaveLength(1);
  });

  test("is aborted by its close and by its signal, and gives its place back", async () => {
    front.fail("hang");
    const leaving = new AbortController();
    const [one, two] = [open(remote), open(remote, question, leaving.signal)];
    const waiting = [one, two].map((session) => session.score({ answer: null, text: "x" }));
    await expect.poll(() => front.asked.length).toBe(2);
    expect(remote.load()).toMatchObject({ held: 2 });
    one.close();
    leaving.abort();
    const aborted = { ok: false, failure: { kind: "aborted" } };
    expect(await Promise.all(waiting)).toEqual([aborted, aborted]);
    expect(await one.score({ answer: null, text: "y" })).toEqual(aborted);
    expect(remote.load()).toEqual({ held: 0, waiting: 0, heapBytes: 0 });
  });

  test("is refused where question and options are beyond all bounds, or too many are open", () => {
    const long = { ...question, question: "why? ".repeat(2_000) };
    const endless = remote.open(long, never);
    expect(remote.refusal(long)).toMatchObject({ kind: "question_too_long" });
    expect(remote.refusal(question)).toBeNull();
    expect(endless).toMatchObject({ ok: false, failure: { kind: "question_too_long" } });
    const sessions = Array.from({ length: 64 }, () => open(remote));
    expect(remote.open(question, never)).toMatchObject({ failure: { kind: "overloaded" } });
    expect(remote.refusal(question)).toMatchObject({ kind: "overloaded" });
    for (const session of sessions) session.close();
    open(remote).close();
  });

  test("keeps its ranker until it ends, and no other is opened", async () => {
    const { manifest: same } = remote;
    const url = `${front.url}/rerank`;
    const scorer = httpScorer({ url, form: "tei", model: null, apiKey: null, timeoutMs: 5_000 });
    const old = new RemoteRanker(same, scorer);
    const session = open(old);
    let retired = false;
    const retiring = old.retire().then(() => {
      retired = true;
    });
    expect(old.open(question, never)).toEqual({ ok: false, failure: { kind: "retired" } });
    expect((await session.score({ answer: null, text: "still" })).ok).toBe(true);
    expect(retired).toBe(false);
    session.close();
    await retiring;
  });
});
