/** `encoder.bin` of the shipped bundle as a stream: never held by JavaScript, and checked all the same. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { type BundleFiles, verifyBundle } from "../../src/adapter/bundle.ts";
import { bundleFolder } from "../../src/adapter/bundleStore.node.ts";
import { startEngine } from "../../src/adapter/engines/simd/engine.node.ts";
import { loadRanker } from "../../src/adapter/load.ts";
import { bundlePath } from "./paths.node.ts";
import { asBundle, readAll, withRehashed } from "./suites/bundleEdits.ts";

const folder = bundleFolder(bundlePath);
const path = "encoder.bin";
let encoder: Uint8Array;

beforeAll(async () => {
  const bytes = await folder.read(path);
  if (bytes === null) throw new Error("no encoder.bin");
  encoder = bytes;
});

/** Pieces of `bytes`; ends with an error where `breaks`. */
function streamOf(bytes: Uint8Array, breaks = false): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      const from = at;
      at += 1_000_003;
      if (from < bytes.byteLength) controller.enqueue(bytes.subarray(from, at));
      else if (breaks) controller.error(new Error("connection lost"));
      else controller.close();
    },
  });
}

/** Loads with `encoder.bin` from elsewhere; which files were read as a whole. */
async function load(changed: Partial<BundleFiles>) {
  const whole: string[] = [];
  const files: BundleFiles = {
    ...folder,
    ...changed,
    read: (name) => {
      whole.push(name);
      return (changed.read ?? folder.read)(name);
    },
  };
  const bundle = await verifyBundle(files, { keep: ["tokenizer"], leave: ["simd"] });
  if (!bundle.ok) throw new Error(bundle.failure.kind);
  const loaded = await loadRanker(bundle.value, startEngine);
  if (loaded.ok) await loaded.value.retire();
  return { loaded, readWhole: whole.includes(path) };
}

/** The store has these bytes in the file's place. */
function holding(bytes: Uint8Array | null): Partial<BundleFiles> {
  return {
    read: async (name) => (name === path ? bytes : folder.read(name)),
    stream: async () => bytes && streamOf(bytes),
  };
}

const flipped = (at: number): Uint8Array => {
  const copy = Uint8Array.from(encoder);
  copy[at] = (copy[at] ?? 0) ^ 4;
  return copy;
};

describe("a streamed encoder", () => {
  it("serves, and was never read as a whole", async () => {
    const { loaded, readWhole } = await load({});
    expect(loaded.ok).toBe(true);
    expect(readWhole).toBe(false);
  });

  it("is refused for what is wrong with the file, wherever that shows first", async () => {
    const damaged: [Uint8Array | null, string][] = [
      [flipped(0), "hash_mismatch"],
      [flipped(encoder.byteLength - 60), "hash_mismatch"],
      [encoder.subarray(0, 5_000_000), "size_mismatch"],
      [encoder.subarray(0, 100), "size_mismatch"],
      [new Uint8Array([...encoder.subarray(0, 128)]), "size_mismatch"],
      [null, "file_missing"],
    ];
    for (const [bytes, kind] of damaged) {
      const { loaded } = await load(holding(bytes));
      expect(loaded).toEqual({ ok: false, failure: { kind, path } });
    }
  });

  it("is read again as a whole where the stream breaks off", async () => {
    const { loaded, readWhole } = await load({
      stream: async () => streamOf(encoder.subarray(0, 3_000_000), true),
    });
    expect(loaded.ok).toBe(true);
    expect(readWhole).toBe(true);
  });

  it("is read as a whole from a store that cannot stream", async () => {
    const { loaded, readWhole } = await load({
      stream: async () => null,
      ...{ read: folder.read },
    });
    expect(loaded.ok).toBe(true);
    expect(readWhole).toBe(true);
  });
});

describe("weights that are no number, under a valid hash", () => {
  const { base } = JSON.parse(readFileSync(join(bundlePath, "manifest.json"), "utf8"));
  const next64 = (at: number) => Math.ceil(at / 64) * 64;
  // As assembly/model.ts lays them out: header, tokens, their scales, positions, their scales, types, norm.
  const wordScales = next64(128 + base.vocabulary * base.hidden);
  const places = next64(wordScales + 4 * base.vocabulary);
  const placeScales = next64(places + base.maxPositions * base.hidden);
  const types = next64(placeScales + 4 * base.maxPositions);
  const embeddingNorm = next64(types + 4 * 2 * base.hidden);

  it.each([
    // Lost when activations become bytes: what is left are other logits.
    ["a position's scale", placeScales, { kind: "self_test_failed" }],
    ["a type's embedding", types + 40, { kind: "engine_failed", reason: "not_finite" }],
    ["the embeddings' norm", embeddingNorm + 40, { kind: "engine_failed", reason: "not_finite" }],
  ])("%s: the version is refused before it answers anyone", async (_, at, failure) => {
    const bytes = Uint8Array.from(encoder);
    new DataView(bytes.buffer).setFloat32(at, Number.NaN, true);
    const changed = asBundle(await withRehashed(await readAll(folder), path, bytes));
    const bundle = await verifyBundle(changed, { keep: ["tokenizer"], leave: ["simd"] });
    if (!bundle.ok) throw new Error(bundle.failure.kind);
    expect(await loadRanker(bundle.value, startEngine)).toMatchObject({ ok: false, failure });
  });
});
