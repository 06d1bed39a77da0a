/**
 * The whole loop with the real parts: an adapter is trained, published by boto3 through an S3 front into the running
 * Worker's own R2, picked up, rolled back. All of it signed. Then what goes wrong: a publisher killed in the middle,
 * two at once, one without the key.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
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
import { ask, recording } from "./recordings.ts";
import { copyBundle, type TinyAdapters, tinyAdapters } from "./tinyAdapters.ts";
import { type Finished, startTrain, train } from "./trainer.ts";

const POINTER = "channels/mini/stable.json";

let folder: string;
let worker: Worker;
let bucket: R2Bucket;
let dispose: () => Promise<void>;
let front: S3Front;
let bundles: TinyAdapters;
/** Publishing's settings: store and keys. */
let unsigned: NodeJS.ProcessEnv;
let signed: NodeJS.ProcessEnv;
/** Asked by the front before each operation. */
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
    POINTER_INTERVAL_SECONDS: "1",
    ADAPTER_PUBLIC_KEY: publicKey,
  });
}, 400_000);

afterAll(async () => {
  await front?.close();
  await dispose?.();
  await endStack(folder);
});

beforeEach(() => {
  before = () => {};
});

const run = (args: readonly string[], env = signed): Promise<Finished> =>
  startTrain(args, env).finished;

async function readiness() {
  return (await (await fetch(`${worker.url}/readyz`)).json()) as Record<string, unknown>;
}

/** Waits until the Worker serves a version. */
async function untilServed(version: string, serial: number): Promise<void> {
  await expect
    .poll(readiness, { timeout: 30_000, interval: 300 })
    .toMatchObject({ status: "ready", adapter: { version, serial }, fault: null });
}

/** The version that answers, and its scores of fixed texts. */
async function answering(): Promise<{ version: string | undefined; scores: readonly number[] }> {
  const { status, body } = await post<AnswerBody>(`${worker.url}/v1/answer`, {
    ...ask(recording("pubmedqa")),
    k: 3,
  });
  expect(status).toBe(200);
  expect(body.degraded).toBe(false);
  const reranked = await post<{ results: { index: number; relevance_score: number }[] }>(
    `${worker.url}/v1/rerank`,
    { query: "Does exercise lower blood pressure?", documents: ["It does.", "No, by 12 mmHg."] },
  );
  expect(reranked.status).toBe(200);
  const results = reranked.body.results.toSorted((a, b) => a.index - b.index);
  return {
    version: body.adapter?.version,
    scores: results.map(({ relevance_score }) => relevance_score),
  };
}

/** How many files a bundle's manifest names. */
function filesOf(bundle: string): number {
  return JSON.parse(readFileSync(join(bundle, "manifest.json"), "utf8")).files.length;
}

/** Lets the operation wait until `count` publishers have come to it: all have read what was there before. */
function meeting(count: number): () => Promise<void> {
  const met = Promise.withResolvers<void>();
  let there = 0;
  return () => {
    there += 1;
    if (there >= count) met.resolve();
    return met.promise;
  };
}

/** Of two publishers one ends well and one with an error. */
function winnerAndLoser<Name>(ends: readonly (readonly [Name, Finished])[]) {
  const winner = ends.find(([, end]) => end.code === 0);
  const loser = ends.find(([, end]) => end.code !== 0);
  if (winner === undefined || loser === undefined) {
    throw new Error(ends.map(([, end]) => `${end.code}: ${end.output}`).join("\n"));
  }
  return { winner: winner[0], loser: loser[1] };
}

describe("the loop", () => {
  let first: Awaited<ReturnType<typeof answering>>;

  it("publishes an adapter, and the Worker answers with it", async () => {
    expect(await readiness()).toMatchObject({ reason: "pointer_absent", adapter: null });
    await train(["publish", bundles.old, "--channel", "stable"], signed);
    await untilServed("1.0.0", 1);
    first = await answering();
    expect(first.version).toBe("1.0.0");
  });

  it("serves the trained version once it is promoted, not before", async () => {
    const published = await train(["publish", bundles.trained], signed);
    const files = filesOf(bundles.trained);
    expect(published).toContain(`adapters/mini/1.1.0/ published (${files} uploaded, 0 kept)`);
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect((await answering()).version).toBe("1.0.0");
    await train(["promote", "mini", "1.1.0"], signed);
    await untilServed("1.1.0", 2);
    const second = await answering();
    expect(second.version).toBe("1.1.0");
    expect(second.scores).not.toEqual(first.scores);
  });

  it("lists both versions and the channel", async () => {
    const rows = (await train(["list", "mini"], signed)).split("\n");
    const row = (version: string) => rows.find((line) => line.includes(version));
    expect(row("1.0.0")).toMatch(/published\W*$/);
    expect(row("1.1.0")).toContain("stable (serial 2, share 1)");
  });

  it("rolls back: the old version answers again, as before", async () => {
    await train(["rollback", "mini"], signed);
    await untilServed("1.0.0", 3);
    expect(await answering()).toEqual(first);
  });
});

describe("a publisher that is killed in the middle", () => {
  it("leaves nothing visible, and the same command finishes what it began", async () => {
    const bundle = copyBundle(bundles.trained, join(folder, "killed"), "1.2.0");
    const publisher = startTrain(["publish", bundle, "--channel", "stable"], signed);
    let puts = 0;
    before = async (method) => {
      if (method !== "PUT") return;
      puts += 1;
      if (puts < 2) return;
      publisher.child.kill("SIGKILL");
      await publisher.finished;
      throw new Error("its sender is gone");
    };
    expect(await publisher.finished).toMatchObject({ code: null });
    before = () => {};
    const { objects } = await bucket.list({ prefix: "adapters/mini/1.2.0/" });
    expect(objects).toHaveLength(1);
    expect(await train(["list", "mini"], signed)).toMatch(/1\.2\.0\W+unfinished/);
    const promoted = await run(["promote", "mini", "1.2.0"]);
    expect(promoted.code).toBe(8);
    expect(promoted.output).toContain("error: version_missing");
    await untilServed("1.0.0", 3);

    const again = await train(["publish", bundle], signed);
    const left = filesOf(bundle) - 1;
    expect(again).toContain(`adapters/mini/1.2.0/ published (${left} uploaded, 1 kept)`);
    await train(["promote", "mini", "1.2.0"], signed);
    await untilServed("1.2.0", 4);
  });
});

describe("two publishers at once", () => {
  it("move a channel: one does, the other is told and has changed nothing", async () => {
    const meet = meeting(2);
    before = (method, key) => (method === "PUT" && key === POINTER ? meet() : undefined);
    const versions = ["1.0.0", "1.1.0"] as const;
    const { winner, loser } = winnerAndLoser(
      await Promise.all(
        versions.map(
          async (version) => [version, await run(["promote", "mini", version])] as const,
        ),
      ),
    );
    expect(loser.code).toBe(8);
    expect(loser.output).toMatch(/^error: pointer_moved: .*another publisher.*$/m);
    await untilServed(winner, 5);
    const { objects } = await bucket.list({ prefix: "channels/mini/history/stable/" });
    expect(objects).toHaveLength(5);
  });

  it("publish one version with different content: one does, whole; the other is told", async () => {
    const meet = meeting(2);
    before = (method, key) =>
      method === "PUT" && key.endsWith("/1.3.0/adapter.ort") ? meet() : undefined;
    const sources = ["old", "trained"] as const;
    const { winner, loser } = winnerAndLoser(
      await Promise.all(
        sources.map(async (source) => {
          const bundle = copyBundle(bundles[source], join(folder, `race-${source}`), "1.3.0");
          return [source, await run(["publish", bundle])] as const;
        }),
      ),
    );
    expect(loser.code).toBe(8);
    expect(loser.output).toMatch(/^error: (partial_differs|version_exists): /m);
    const stored = await bucket.get("adapters/mini/1.3.0/manifest.json");
    const text = (await stored?.text()) ?? "";
    expect(text).toBe(readFileSync(join(folder, `race-${winner}`, "manifest.json"), "utf8"));
    const manifest = JSON.parse(text);
    for (const { path, sha256 } of manifest.files as { path: string; sha256: string }[]) {
      const file = await bucket.get(`adapters/mini/1.3.0/${path}`);
      const bytes = Buffer.from((await file?.arrayBuffer()) ?? new ArrayBuffer(0));
      expect([path, createHash("sha256").update(bytes).digest("hex")]).toEqual([path, sha256]);
    }
    await train(["promote", "mini", "1.3.0"], signed);
    await untilServed("1.3.0", 6);
  });
});

describe("a publisher without the key", () => {
  it("moves the channel in vain: the Worker goes on serving what was signed", async () => {
    await train(["promote", "mini", "1.0.0"], unsigned);
    await expect.poll(readiness, { timeout: 30_000, interval: 300 }).toMatchObject({
      status: "ready",
      adapter: { version: "1.3.0", serial: 6 },
      fault: { reason: "signature_missing", detail: "signature" },
    });
    expect((await answering()).version).toBe("1.3.0");
    await train(["promote", "mini", "1.0.0"], signed);
    await untilServed("1.0.0", 8);
  });

  it("publishes a version that cannot be promoted, and that the Worker would not serve", async () => {
    const bundle = copyBundle(bundles.trained, join(folder, "unsigned"), "1.4.0");
    await train(["publish", bundle], unsigned);
    const promoted = await run(["promote", "mini", "1.4.0"]);
    expect(promoted).toMatchObject({ code: 8 });
    expect(promoted.output).toContain("error: unsigned");
    await untilServed("1.0.0", 8);
  });
});
