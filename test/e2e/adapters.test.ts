/**
 * Adapters in R2: none, damaged, new, old. One Worker that looks at its pointer with every request. Whatever is put
 * there, it goes on answering, and /readyz says what is wrong.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { R2Bucket } from "@cloudflare/workers-types";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  bundleDir,
  configPath,
  endStack,
  post,
  startReplay,
  startWorker,
  temporaryFolder,
  type Worker,
} from "../../scripts/lib/localStack.ts";
import { openBucket, putFile, putPointer } from "../../scripts/lib/seed.mjs";
import type { AnswerBody } from "../../src/worker/answer/schema.ts";
import { ask, recording } from "./recordings.ts";

type Files = Map<string, Buffer>;

let folder: string;
let worker: Worker;
let bucket: R2Bucket;
let dispose: () => Promise<void>;
/** The shipped bundle's files. */
const shipped: Files = new Map();

beforeAll(async () => {
  const manifest = readFileSync(join(bundleDir, "manifest.json"));
  for (const { path } of JSON.parse(manifest.toString("utf8")).files as { path: string }[]) {
    shipped.set(path, readFileSync(join(bundleDir, path)));
  }
  shipped.set("manifest.json", manifest);
  folder = temporaryFolder();
  const replay = await startReplay(folder);
  const state = { persistTo: join(folder, "state"), configPath };
  ({ bucket, dispose } = await openBucket(state));
  worker = await startWorker(folder, {
    LLM_BASE_URL: replay.url,
    LLM_MODEL: "replay",
    POINTER_INTERVAL_SECONDS: "0",
  });
});

afterAll(async () => {
  await dispose();
  await endStack(folder);
});

/** Puts a changed copy of the bundle under a version of its own and points the channel at it. */
async function publish(version: string, change: (files: Files) => void = () => {}): Promise<void> {
  const files: Files = new Map(shipped);
  editManifest(files, (manifest) => {
    manifest.version = version;
  });
  change(files);
  for (const [path, bytes] of files)
    await putFile(bucket, `adapters/mini/${version}/${path}`, bytes);
  await putPointer(bucket, { adapter: "mini", version, channel: "stable" });
}

// biome-ignore lint/suspicious/noExplicitAny: a manifest to be damaged
function editManifest(files: Files, edit: (manifest: any) => void): void {
  const manifest = JSON.parse(files.get("manifest.json")?.toString("utf8") ?? "");
  edit(manifest);
  files.set("manifest.json", Buffer.from(JSON.stringify(manifest)));
}

function damage(path: string, change: (bytes: Buffer) => Buffer) {
  return (files: Files) => {
    files.set(path, change(Buffer.from(files.get(path) ?? "")));
  };
}

/** Another content under its true size and hash. */
function replace(files: Files, path: string, content: string): void {
  const bytes = Buffer.from(content);
  files.set(path, bytes);
  editManifest(files, (m) => {
    const file = m.files.find((one: { path: string }) => one.path === path);
    file.bytes = bytes.length;
    file.sha256 = createHash("sha256").update(bytes).digest("hex");
  });
}

const truncate = (bytes: Buffer) => bytes.subarray(0, bytes.length >> 1);
const flipBit = (bytes: Buffer) => {
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
  return bytes;
};

async function ready() {
  const response = await fetch(`${worker.url}/readyz`);
  return { status: response.status, body: await response.json() };
}

const answer = () =>
  post<AnswerBody>(`${worker.url}/v1/answer`, { ...ask(recording("pubmedqa")), k: 3 });

const damages: [string, (files: Files) => void, object][] = [
  [
    "adapter.ort truncated",
    damage("adapter.ort", truncate),
    { reason: "size_mismatch", detail: "adapter.ort" },
  ],
  [
    "adapter.ort with one bit flipped",
    damage("adapter.ort", flipBit),
    { reason: "hash_mismatch", detail: "adapter.ort" },
  ],
  [
    "encoder.bin truncated",
    damage("encoder.bin", truncate),
    { reason: "size_mismatch", detail: "encoder.bin" },
  ],
  [
    "encoder.bin with one bit flipped",
    damage("encoder.bin", flipBit),
    { reason: "hash_mismatch", detail: "encoder.bin" },
  ],
  [
    "tokenizer.json truncated",
    damage("tokenizer.json", truncate),
    { reason: "size_mismatch", detail: "tokenizer.json" },
  ],
  [
    "tokenizer.json with one bit flipped",
    damage("tokenizer.json", flipBit),
    { reason: "hash_mismatch", detail: "tokenizer.json" },
  ],
  [
    "README.md truncated",
    damage("README.md", truncate),
    { reason: "size_mismatch", detail: "README.md" },
  ],
  [
    "README.md with one bit flipped",
    damage("README.md", flipBit),
    { reason: "hash_mismatch", detail: "README.md" },
  ],
  [
    "no tokenizer.json",
    (files) => files.delete("tokenizer.json"),
    { reason: "file_missing", detail: "tokenizer.json" },
  ],
  ["no manifest", (files) => files.delete("manifest.json"), { reason: "manifest_missing" }],
  ["manifest truncated", damage("manifest.json", truncate), { reason: "manifest_malformed" }],
  [
    "manifest of schema 99",
    (files) =>
      editManifest(files, (m) => {
        m.schema = 99;
      }),
    { reason: "schema_unknown" },
  ],
  [
    "manifest with a field too many",
    (files) =>
      editManifest(files, (m) => {
        m.extra = 1;
      }),
    { reason: "manifest_malformed" },
  ],
  [
    "manifest of another adapter",
    (files) =>
      editManifest(files, (m) => {
        m.name = "other";
      }),
    { reason: "identity_mismatch", detail: "name" },
  ],
  [
    "weights that are not a model",
    (files) => {
      for (const path of ["adapter.ort", "encoder.bin"]) replace(files, path, "not a model");
    },
    { reason: "engine_failed" },
  ],
  [
    "self-test vectors that do not come out",
    (files) =>
      editManifest(files, (m) => {
        m.selfTest.vectors[0].logit += 5;
      }),
    { reason: "self_test_failed" },
  ],
];

const pointerFaults: [string, string, string][] = [
  ["a pointer that is not JSON", "{", "pointer_malformed"],
  ["a pointer of schema 99", JSON.stringify({ schema: 99 }), "pointer_schema_unknown"],
];

describe("no adapter in R2", () => {
  it("answers by majority vote and says so", async () => {
    expect(await ready()).toMatchObject({
      status: 503,
      body: { status: "degraded", reason: "pointer_absent", adapter: null },
    });
    const { status, body } = await answer();
    expect(status).toBe(200);
    expect(body).toMatchObject({
      degraded: true,
      degraded_reason: "pointer_absent",
      strategy: "vote",
      confidence: null,
      confidence_reason: "degraded",
      adapter: null,
      usage: { candidates_scored: 0, adapter_tokens: 0 },
    });
    expect(body.answer).toBe(body.votes[0]?.answer);
    expect(body.candidates?.every(({ score }) => score === null)).toBe(true);
  });

  it('spends max_k on k: "auto", as there are no scores to stop by', async () => {
    const { body } = await post<AnswerBody>(`${worker.url}/v1/answer`, {
      ...ask(recording("pubmedqa")),
      k: "auto",
      max_k: 5,
    });
    expect(body).toMatchObject({ degraded: true, k: 5, k_stopped: "degraded" });
    expect(body.candidates).toHaveLength(5);
  });

  it("abstains for a caller who wanted an error rate, and cannot rerank", async () => {
    const { body } = await post<AnswerBody>(`${worker.url}/v1/answer`, {
      ...ask(recording("pubmedqa")),
      abstain: { target_error: 0.1 },
    });
    expect(body).toMatchObject({ abstained: true, answer: null, degraded: true });
    const rerank = await post(`${worker.url}/v1/rerank`, { query: "x?", documents: ["y"] });
    expect(rerank.status).toBe(503);
    expect(rerank.body).toMatchObject({ code: "adapter_unavailable" });
    expect(rerank.headers.get("retry-after")).toMatch(/^\d+$/);
  });
});

describe("a damaged bundle, and nothing older", () => {
  it.each(damages)("%s: refused with its reason, answers by vote", async (name, change, fault) => {
    const version = `d-${name.replaceAll(/[^a-z0-9]+/gi, "-")}`;
    await publish(version, change);
    expect(await ready()).toMatchObject({
      status: 503,
      body: { status: "degraded", adapter: null, fault: { ...fault, version } },
    });
    const { status, body } = await answer();
    expect(status).toBe(200);
    expect(body).toMatchObject({ degraded: true, adapter: null });
    expect(body.degraded_reason).toBe((fault as { reason: string }).reason);
  });

  it.each(pointerFaults)("%s", async (_, text, reason) => {
    await putFile(bucket, "channels/mini/stable.json", Buffer.from(text));
    expect(await ready()).toMatchObject({ status: 503, body: { fault: { reason } } });
    expect((await answer()).body).toMatchObject({ degraded: true, degraded_reason: reason });
  });
});

describe("a good bundle", () => {
  it("is picked up without a restart", async () => {
    await publish("1.0.0");
    expect(await ready()).toMatchObject({
      status: 200,
      body: { status: "ready", adapter: { version: "1.0.0" }, fault: null },
    });
    expect((await answer()).body).toMatchObject({ degraded: false, adapter: { version: "1.0.0" } });
  });

  it("runs on ONNX Runtime where it has no packed weights, or none that our engine reads", async () => {
    await publish("1.0.1", (files) => {
      editManifest(files, (m) => {
        m.files = m.files.filter((one: { role: string }) => one.role !== "simd");
      });
    });
    expect((await ready()).body).toMatchObject({
      adapter: { version: "1.0.1" },
      engine: "ort-web",
    });
    await publish("1.0.2", (files) => replace(files, "encoder.bin", "of a later layout"));
    expect((await ready()).body).toMatchObject({
      adapter: { version: "1.0.2" },
      engine: "ort-web",
    });
    expect((await answer()).body).toMatchObject({ degraded: false, adapter: { version: "1.0.2" } });
    await publish("1.0.3");
    expect((await ready()).body).toMatchObject({ adapter: { version: "1.0.3" }, engine: "simd" });
  });

  it("makes room for a newer one, while requests are under way", async () => {
    const before = Promise.all([answer(), answer()]);
    await publish("1.1.0");
    await expect
      .poll(async () => (await ready()).body, { timeout: 30_000 })
      .toMatchObject({
        adapter: { version: "1.1.0" },
        fault: null,
      });
    for (const { status, body } of await before) {
      expect(status).toBe(200);
      expect(body.degraded).toBe(false);
    }
    const served = { name: "mini", version: "1.1.0", channel: "stable" };
    expect((await answer()).body.adapter).toEqual(served);
  });

  it("does not grow the heap with every version", async () => {
    const heap = async () => {
      const { body } = await ready();
      return (body as { load: { all_heap_mb: number } }).load.all_heap_mb;
    };
    const first = await heap();
    for (const version of ["1.2.0", "1.3.0", "1.4.0"]) {
      await publish(version);
      expect((await ready()).body).toMatchObject({ adapter: { version } });
    }
    // The one before may be on its way out.
    await expect.poll(heap, { timeout: 10_000 }).toBeLessThan(first * 1.3);
  });

  const oneOfEach = damages.filter(([, , fault], at) =>
    damages
      .slice(0, at)
      .every(([, , other]) => Reflect.get(other, "reason") !== Reflect.get(fault, "reason")),
  );

  it.each(oneOfEach)(
    "goes on serving when the next one is bad: %s",
    async (name, change, fault) => {
      const version = `e-${name.replaceAll(/[^a-z0-9]+/gi, "-")}`;
      await publish(version, change);
      expect(await ready()).toMatchObject({
        status: 200,
        body: { status: "ready", adapter: { version: "1.4.0" }, fault: { ...fault, version } },
      });
      expect((await answer()).body).toMatchObject({
        degraded: false,
        adapter: { version: "1.4.0" },
      });
    },
  );

  it("goes on serving when an old pointer is played back, or the pointer goes away", async () => {
    const old = { schema: 1, adapter: "mini", version: "1.0.0", serial: 1, share: 1 };
    const bytes = Buffer.from(JSON.stringify({ ...old, updatedAt: new Date().toISOString() }));
    await putFile(bucket, "channels/mini/stable.json", bytes);
    expect(await ready()).toMatchObject({
      status: 200,
      body: { adapter: { version: "1.4.0" }, fault: { reason: "pointer_older" } },
    });
    await bucket.delete("channels/mini/stable.json");
    expect(await ready()).toMatchObject({
      status: 200,
      body: { adapter: { version: "1.4.0" }, fault: { reason: "pointer_absent" } },
    });
  });
});
