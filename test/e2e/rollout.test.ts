/**
 * Rolling an adapter out, as a publisher does it: a canary that takes its share, one that is stopped, a shadow, versions
 * that callers pin, and the way back. Real training commands, a real `wrangler dev`, two tiny adapters.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { R2Bucket } from "@cloudflare/workers-types";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  configPath,
  endStack,
  post,
  startReplay,
  startWorker,
  temporaryFolder,
  type Worker,
} from "../../scripts/lib/localStack.ts";
import { openBucket } from "../../scripts/lib/seed.mjs";
import type { AnswerBody } from "../../src/worker/answer/schema.ts";
import { type S3Front, startS3Front } from "../s3-front/front.ts";
import { ask, type Recorded, recordings } from "./recordings.ts";
import { copyBundle, type TinyAdapters, tinyAdapters } from "./tinyAdapters.ts";
import { type Finished, startTrain, train } from "./trainer.ts";

const CANARY = "channels/mini/canary.json";
const INTERVAL_MS = 1_000;

let folder: string;
let worker: Worker;
let bucket: R2Bucket;
let dispose: () => Promise<void>;
let front: S3Front;
let bundles: TinyAdapters;
let unsigned: NodeJS.ProcessEnv;
let signed: NodeJS.ProcessEnv;
let before: (method: string, key: string) => void | Promise<void> = () => {};

beforeAll(async () => {
  folder = temporaryFolder();
  bundles = await tinyAdapters(join(folder, "tiny"));
  const key = join(folder, "signing-key.pem");
  const publicKey = (await train(["keygen", key])).trim();
  const replay = await startReplay(folder);
  ({ bucket, dispose } = await openBucket({ persistTo: join(folder, "state"), configPath }));
  const stop = (method: string, path: string) => before(method, path);
  front = await startS3Front({ bucket, name: "adapters", port: 0, before: stop });
  unsigned = {
    MEDADAPTER_S3_ENDPOINT: front.url,
    MEDADAPTER_S3_BUCKET: "adapters",
    AWS_ACCESS_KEY_ID: "test",
    AWS_SECRET_ACCESS_KEY: "test",
    MEDADAPTER_SIGNING_KEY_FILE: undefined,
    MEDADAPTER_PUBLIC_KEY: undefined,
  };
  signed = { ...unsigned, MEDADAPTER_SIGNING_KEY_FILE: key };
  worker = await startWorker(folder, {
    LLM_BASE_URL: replay.url,
    LLM_MODEL: "replay",
    POINTER_INTERVAL_SECONDS: String(INTERVAL_MS / 1_000),
    ADAPTER_PUBLIC_KEY: publicKey,
  });
  await train(["publish", bundles.old, "--channel", "stable"], signed);
  await train(["publish", bundles.trained], signed);
}, 400_000);

afterAll(async () => {
  await front?.close();
  await dispose?.();
  await endStack(folder);
});

beforeEach(() => {
  before = () => {};
});

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const run = (args: readonly string[], env = signed): Promise<Finished> =>
  startTrain(args, env).finished;

interface Channel {
  readonly channel: string;
  readonly [member: string]: unknown;
}
interface Counted extends Record<string, number | string> {
  readonly channel: string;
  readonly version: string;
  readonly requests: number;
}
interface Listed {
  readonly versions: readonly { readonly version: string; readonly metrics: unknown[] }[];
  readonly channels: readonly Channel[];
  readonly counts: readonly Counted[];
}

async function listed(): Promise<Listed> {
  const { data } = (await (await fetch(`${worker.url}/v1/adapters`)).json()) as { data: Listed[] };
  const [adapter] = data;
  if (adapter === undefined) throw new Error("no adapter is listed");
  return adapter;
}

const channelNow = async (name: string) =>
  (await listed()).channels.find(({ channel }) => channel === name);
const countsOf = async (name: string) =>
  (await listed()).counts.find(({ channel }) => channel === name);

function untilChannel(name: string, wanted: object) {
  return expect
    .poll(() => channelNow(name), { timeout: 30_000, interval: 300 })
    .toMatchObject(wanted);
}

/** Answers of a closed task, all different. */
const questions = recordings().filter(
  ({ options, task }) => options !== null || task === "pubmedqa",
);

async function answer(question: Recorded, more: object = {}): Promise<AnswerBody> {
  // By scores alone: with votes two tiny adapters would nearly always choose the same.
  const body = { ...ask(question), k: 5, strategy: "best_of", ...more };
  const { status, body: answered } = await post<AnswerBody>(`${worker.url}/v1/answer`, body);
  expect(status).toBe(200);
  expect(answered.degraded).toBe(false);
  return answered;
}

/** Asks so many questions one after another, and what answered each. */
async function askMany(count: number): Promise<AnswerBody[]> {
  const answers: AnswerBody[] = [];
  for (let at = 0; at < count; at += 1) {
    const question = questions[at % questions.length];
    if (question !== undefined) answers.push(await answer(question));
  }
  return answers;
}

const by = (answers: readonly AnswerBody[], channel: string) =>
  answers.filter(({ adapter }) => adapter?.channel === channel);

/** Bounds that nothing breaks. */
const LENIENT = ["--min-agreement", "0", "--max-abstention-difference", "1"];
const canary = (version: string, ...more: string[]) =>
  train(["promote", "mini", version, "--channel", "canary", ...more], signed);

describe("a canary", () => {
  it("takes its share, is named in each answer, and counted as itself", async () => {
    await untilChannel("stable", { version: "1.0.0", state: "serving" });
    await canary("1.1.0", "--share", "0.3", ...LENIENT, "--compare-share", "0.5");
    await untilChannel("canary", { state: "serving", version: "1.1.0", serial: 1, share: 0.3 });
    const answers = await askMany(120);
    const taken = by(answers, "canary");
    expect(Math.abs(taken.length / 120 - 0.3)).toBeLessThan(4 * Math.sqrt((0.3 * 0.7) / 120));
    for (const { adapter } of taken) expect(adapter?.version).toBe("1.1.0");
    const rest = by(answers, "stable");
    expect(rest).toHaveLength(120 - taken.length);
    for (const { adapter } of rest) expect(adapter?.version).toBe("1.0.0");
    await expect
      .poll(() => countsOf("canary"), { timeout: 10_000 })
      .toMatchObject({
        version: "1.1.0",
        requests: taken.length,
        answers: taken.length,
        failures: 0,
      });
    const usage = await (await fetch(`${worker.url}/v1/usage?group_by=adapter`)).json();
    const row = (usage as { data: { adapter: string; requests: number }[] }).data.find(
      ({ adapter }) => adapter === "mini@1.1.0",
    );
    expect(row?.requests).toBe(taken.length);
  });

  it("is scored by stable as well for its part, and no answer tells of it", async () => {
    const counts = await countsOf("canary");
    const due = Number(counts?.compared) + Number(counts?.dropped);
    const requests = Number(counts?.requests);
    expect(Math.abs(due / requests - 0.5)).toBeLessThan(4 * Math.sqrt(0.25 / requests));
    expect(Number(counts?.agreed)).toBeLessThanOrEqual(Number(counts?.compared));
    expect(Number(counts?.compared)).toBeGreaterThan(0);
  });

  it("is the new stable by one command, and then there is none", async () => {
    await train(["promote", "mini", "--from", "canary"], signed);
    await untilChannel("stable", { version: "1.1.0", serial: 2, state: "serving" });
    await expect.poll(() => channelNow("canary"), { timeout: 10_000 }).toBeUndefined();
    expect(by(await askMany(10), "stable")).toHaveLength(10);
  });
});

describe("a roll-back", () => {
  it("is one write; the first request after three intervals is answered by the old version", async () => {
    expect((await askMany(1))[0]?.adapter?.version).toBe("1.1.0");
    await train(["rollback", "mini"], signed);
    await sleep(3 * INTERVAL_MS + 200);
    for (const { adapter } of await askMany(5)) {
      expect(adapter).toEqual({ name: "mini", version: "1.0.0", channel: "stable" });
    }
    await train(["promote", "mini", "1.1.0"], signed);
    await untilChannel("stable", { version: "1.1.0", serial: 4 });
    await train(["rollback", "mini"], signed);
    // Where requests come all the time, one that came after the interval looks, and those after it see.
    const end = Date.now() + INTERVAL_MS + 100;
    while (Date.now() < end) await askMany(1);
    await sleep(300);
    expect((await askMany(1))[0]?.adapter?.version).toBe("1.0.0");
  });
});

describe("a pinned version", () => {
  it("answers on every route, and stable is as before", async () => {
    const question = questions[0] as Recorded;
    const pinned = { name: "mini", version: "1.1.0", channel: "pinned" };
    expect((await answer(question, { adapter: "mini@1.1.0" })).adapter).toEqual(pinned);
    expect((await answer(question)).adapter?.version).toBe("1.0.0");
    const chat = await post<{ medadapter: AnswerBody }>(`${worker.url}/v1/chat/completions`, {
      model: "replay",
      messages: [{ role: "user", content: question.question }],
      medadapter: {
        adapter: "mini@1.1.0",
        k: 3,
        task: question.task,
        ...(question.options === null ? {} : { options: question.options }),
        ...(question.context === null ? {} : { context: question.context }),
      },
    });
    expect(chat.body.medadapter.adapter).toEqual(pinned);
    const rerank = (more: object) =>
      post<{ medadapter: AnswerBody }>(`${worker.url}/v1/rerank`, {
        query: "Does exercise lower blood pressure?",
        documents: ["It does.", "No."],
        ...more,
      });
    expect((await rerank({ adapter: "mini@1.1.0" })).body.medadapter.adapter).toEqual(pinned);
    expect((await rerank({ model: "mini@1.1.0" })).body.medadapter.adapter).toEqual(pinned);
    expect((await rerank({})).body.medadapter.adapter?.version).toBe("1.0.0");
  });

  it("that is not kept, not signed, or no version's name is unknown, with its field", async () => {
    const bundle = copyBundle(bundles.trained, join(folder, "unsigned"), "1.4.0");
    await train(["publish", bundle], unsigned);
    const question = questions[0] as Recorded;
    for (const version of ["9.9.9", "1.4.0", "../mini/1.1.0", "", "1.1.0@1.1.0"]) {
      const { status, body } = await post(`${worker.url}/v1/answer`, {
        ...ask(question),
        adapter: `mini@${version}`,
      });
      expect([version, status]).toEqual([version, 404]);
      expect(body).toMatchObject({ code: "unknown_adapter", error: { param: "adapter" } });
    }
  });
});

describe("a shadow", () => {
  it("agrees as often as it would have answered the same, unseen and at no cost", async () => {
    const asked = questions.slice(0, 24);
    const pinned: AnswerBody[] = [];
    for (const question of asked) pinned.push(await answer(question, { adapter: "mini@1.1.0" }));
    await train(["promote", "mini", "1.1.0", "--channel", "shadow", "--share", "1"], signed);
    await untilChannel("shadow", { version: "1.1.0", share: 1 });
    let same = 0;
    for (const [at, question] of asked.entries()) {
      const { adapter, answer: given, text, usage } = await answer(question);
      expect(adapter).toEqual({ name: "mini", version: "1.0.0", channel: "stable" });
      expect(usage.adapter_tokens).toBe(pinned[at]?.usage.adapter_tokens);
      if (given === null ? text === pinned[at]?.text : given === pinned[at]?.answer) same += 1;
      // The one before is being compared: with this pause none is left out.
      await sleep(150);
    }
    await expect
      .poll(() => countsOf("shadow"), { timeout: 15_000, interval: 500 })
      .toMatchObject({ version: "1.1.0", compared: asked.length, agreed: same, dropped: 0 });
    expect(same).toBeLessThan(asked.length);
    await train(["end", "mini", "--channel", "shadow"], signed);
    await expect.poll(() => channelNow("shadow"), { timeout: 10_000 }).toBeUndefined();
  });
});

describe("a bad canary", () => {
  it("is stopped by itself, soon after its bounds can be judged, and gets no more", async () => {
    // Its weights are stable's, its calibration is upside down: it puts the worst first.
    const bad = copyBundle(bundles.old, join(folder, "bad"), "1.5.0");
    const path = join(bad, "manifest.json");
    const manifest = JSON.parse(readFileSync(path, "utf8"));
    manifest.calibration = { kind: "platt", a: -40, b: 0 };
    writeFileSync(path, JSON.stringify(manifest));
    await train(["publish", bad], signed);
    const bounds = ["--min-requests", "10", "--min-agreement", "0.9", "--compare-share", "1"];
    await canary("1.5.0", "--share", "0.5", ...bounds);
    await untilChannel("canary", { state: "serving", version: "1.5.0" });
    let state: unknown = null;
    let sent = 0;
    while (state !== "stopped" && sent < 400) {
      await askMany(5);
      sent += 5;
      state = (await channelNow("canary"))?.state;
    }
    const stopped = await channelNow("canary");
    expect(stopped).toMatchObject({ state: "stopped", stopped: { reason: "agreement" } });
    const counts = await countsOf("canary");
    expect(Number(counts?.compared)).toBeGreaterThanOrEqual(10);
    // Ten were to stand behind the rate; the rest came while counts were gathered and told.
    expect(counts?.requests).toBeLessThan(60);
    expect(by(await askMany(30), "canary")).toHaveLength(0);
    const ready = await (await fetch(`${worker.url}/readyz`)).json();
    expect(ready).toMatchObject({
      status: "ready",
      channels: [
        { channel: "stable", state: "serving" },
        { channel: "canary", state: "stopped" },
      ],
    });
    expect(readFileSync(worker.log, "utf8")).toContain(
      '{"event":"canary_stopped","reason":"agreement"}',
    );
  });

  it("gets another try with a new serial", async () => {
    await canary("1.1.0", "--share", "1", ...LENIENT);
    await untilChannel("canary", { state: "serving", version: "1.1.0", stopped: null });
    expect(by(await askMany(5), "canary")).toHaveLength(5);
    const texts = { query: "Does exercise lower blood pressure?", documents: ["It does."] };
    expect((await post(`${worker.url}/v1/rerank`, texts)).status).toBe(200);
    // Texts to score are a request too, but no answer.
    await expect
      .poll(() => countsOf("canary"), { timeout: 10_000 })
      .toMatchObject({ requests: 6, answers: 5, failures: 0 });
  });
});

describe("the canary's pointer", () => {
  it("is moved by one of two publishers; the other is told and has changed nothing", async () => {
    const met = Promise.withResolvers<void>();
    let there = 0;
    before = (method, key) => {
      if (method !== "PUT" || key !== CANARY) return;
      there += 1;
      if (there === 2) met.resolve();
      return met.promise;
    };
    const args = (share: string) => [
      "promote",
      "mini",
      "1.1.0",
      "--channel",
      "canary",
      "--share",
      share,
    ];
    const shares = ["0.25", "0.75"] as const;
    const ends = await Promise.all(shares.map((share) => run(args(share))));
    expect(ends.map(({ code }) => code).toSorted()).toEqual([0, 8]);
    const loser = ends.find(({ code }) => code === 8);
    expect(loser?.output).toMatch(/^error: pointer_moved: .*another publisher.*$/m);
    const winner = Number(shares[ends.findIndex(({ code }) => code === 0)]);
    await untilChannel("canary", { share: winner });
  });

  it("is refused where it is played back, altered or unsigned: the one before goes on", async () => {
    const text = async () => (await (await bucket.get(CANARY))?.text()) ?? "";
    const old = await text();
    await canary("1.1.0", "--share", "0.5", ...LENIENT);
    const { serial } = JSON.parse(await text());
    await untilChannel("canary", { serial, share: 0.5, fault: null });
    const now = await text();
    await bucket.put(CANARY, old);
    const goesOn = { serial, share: 0.5, state: "serving" };
    await untilChannel("canary", { ...goesOn, fault: { reason: "pointer_older" } });
    await bucket.put(CANARY, now.replace('"share": 0.5', '"share": 1'));
    await untilChannel("canary", { ...goesOn, fault: { reason: "signature_invalid" } });
    await bucket.put(CANARY, now);
    await untilChannel("canary", { ...goesOn, fault: null });
    await train(["promote", "mini", "1.1.0", "--channel", "canary"], unsigned);
    await untilChannel("canary", { ...goesOn, fault: { reason: "signature_missing" } });
  });
});

describe("GET /v1/adapters", () => {
  it("lists the versions kept, the newest first, and what is wrong with one", async () => {
    const { versions } = await listed();
    expect(versions.map(({ version }) => version)).toEqual(["1.5.0", "1.4.0", "1.1.0", "1.0.0"]);
    expect(versions[1]).toMatchObject({ fault: { reason: "signature_missing" }, metrics: [] });
    expect(versions[2]).toMatchObject({ base: "tiny random BERT", fault: null });
  });
});
