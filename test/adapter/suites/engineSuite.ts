/** The engine itself: memory that is given back, weights that stay whole, results that are numbers. */
import { beforeAll, describe, expect, test } from "vitest";
import {
  type Bundle,
  contentOf,
  type Verified,
  verifyBundle,
} from "../../../src/adapter/bundle.ts";
import type { EncoderInput, Engine } from "../../../src/adapter/engine.ts";
import { loadRanker } from "../../../src/adapter/load.ts";
import {
  asBundle,
  type Files,
  manifestOf,
  readAll,
  withFile,
  withManifest,
  withRehashed,
} from "./bundleEdits.ts";
import type { Surroundings } from "./surroundings.ts";

const keep = ["onnx", "tokenizer"] as const;
export function engineSuite(surroundings: Surroundings): void {
  let files: Files;
  let bundle: Verified<Bundle>;

  async function verified(from: Files): Promise<Verified<Bundle>> {
    const result = await verifyBundle(asBundle(from), { keep });
    if (!result.ok) throw new Error(result.failure.kind);
    return result.value;
  }

  beforeAll(async () => {
    files = await readAll(surroundings.bundle);
    bundle = await verified(files);
  });

  /** Made-up ids, spread over the vocabulary. */
  const input = (tokens: number, seed: number): EncoderInput => ({
    ids: Array.from({ length: tokens }, (_, i) => 1000 + ((i * 7919 + seed * 104729) % 29000)),
    truncated: false,
  });

  async function scoreOf(engine: Engine, p: number, c: number, seed = 1): Promise<number> {
    const prefix = await engine.encodePrefix(input(p, seed));
    const logit = await engine.score(prefix, input(c, seed + 1));
    prefix.release();
    return logit;
  }

  describe("the engine", () => {
    test("reads the same weights after large runs as before", async () => {
      // ONNX Runtime frees the model's bytes that the session still reads from, unless held back.
      const engine = await surroundings.startEngine(bundle);
      const before = await scoreOf(engine, 16, 16);
      for (const tokens of [384, 300, 512, 200]) await engine.encodePrefix(input(tokens, 3));
      await scoreOf(engine, 384, 128, 5);
      expect(await scoreOf(engine, 16, 16)).toBe(before);
      await engine.close();
    });

    test("two engines at once do not disturb each other, and one survives the other", async () => {
      const [one, two] = await Promise.all([
        surroundings.startEngine(bundle),
        surroundings.startEngine(bundle),
      ]);
      const alone = await scoreOf(one, 20, 10);
      const [a, b] = await Promise.all([scoreOf(one, 20, 10), scoreOf(two, 20, 10)]);
      expect([a, b]).toEqual([alone, alone]);
      await one.close();
      expect(await scoreOf(two, 20, 10)).toBe(alone);
      await two.close();
    });

    test("gives its memory back: ten versions one after another need no more heap than two", async () => {
      const cycle = async () => {
        const engine = await surroundings.startEngine(bundle);
        await scoreOf(engine, 384, 128);
        const heap = engine.heapBytes();
        await engine.close();
        return heap;
      };
      await cycle();
      const second = await cycle();
      for (let i = 0; i < 8; i++) await cycle();
      expect(await cycle()).toBe(second);
    });

    test("refuses ids and lengths that the encoder has no place for", async () => {
      const engine = await surroundings.startEngine(bundle);
      const shape = { reason: "shape" };
      await expect(engine.encodePrefix(input(513, 1))).rejects.toMatchObject(shape);
      await expect(engine.encodePrefix({ ids: [], truncated: false })).rejects.toMatchObject(shape);
      await expect(
        engine.encodePrefix({ ids: [bundle.manifest.base.vocabulary], truncated: false }),
      ).rejects.toMatchObject(shape);
      const prefix = await engine.encodePrefix(input(400, 1));
      await expect(engine.score(prefix, input(113, 1))).rejects.toMatchObject(shape);
      expect(await engine.score(prefix, input(112, 1))).toBeTypeOf("number");
      await engine.close();
    });

    test("after release or close there is nothing to score with", async () => {
      const engine = await surroundings.startEngine(bundle);
      const [kept, released] = [
        await engine.encodePrefix(input(8, 1)),
        await engine.encodePrefix(input(8, 1)),
      ];
      released.release();
      const closed = { reason: "closed" };
      await expect(engine.score(released, input(8, 1))).rejects.toMatchObject(closed);
      await engine.close();
      await engine.close();
      await expect(engine.score(kept, input(8, 1))).rejects.toMatchObject(closed);
    });
  });

  describe("a bundle whose hashes are right but whose content is wrong", () => {
    const failureOf = async (changed: Files) => {
      const loaded = await loadRanker(await verified(changed), surroundings.startEngine);
      return loaded.ok ? null : loaded.failure;
    };

    test("is refused when its weights give other logits than the manifest says", async () => {
      const changed = withManifest(files, (json) => {
        const { selfTest } = manifestOf(files);
        const vectors = selfTest.vectors.map((vector, i) =>
          i === 1 ? { ...vector, logit: vector.logit + 2 * selfTest.tolerance } : vector,
        );
        json.selfTest = { ...selfTest, vectors };
      });
      expect(await failureOf(changed)).toEqual({ kind: "self_test_failed", vector: 1 });
    });

    test("is refused when a weight is not a number", async () => {
      const model = Uint8Array.from(contentOf(bundle, "onnx"));
      const at = layerNormOffset(model);
      new DataView(model.buffer).setFloat32(at, Number.NaN, true);
      expect(await failureOf(await withRehashed(files, "adapter.ort", model))).toEqual({
        kind: "engine_failed",
        reason: "not_finite",
      });
    });

    test("is refused when the model is no model", async () => {
      for (const bytes of [new Uint8Array(5000), new TextEncoder().encode("ORTM".repeat(1000))]) {
        expect(await failureOf(await withRehashed(files, "adapter.ort", bytes))).toEqual({
          kind: "engine_failed",
          reason: "trap",
        });
      }
    });

    test("is refused when its graph has other inputs than the manifest names", async () => {
      const changed = withManifest(files, (json) => {
        json.tensors = { ...manifestOf(files).tensors, past: "memory" };
      });
      expect(await failureOf(changed)).toEqual({ kind: "engine_failed", reason: "shape" });
    });

    test("is refused when the tokenizer is broken, of another kind, or larger than the encoder", async () => {
      const path = "tokenizer.json";
      const tokenizer = JSON.parse(new TextDecoder().decode(files.get(path)));
      const withTokenizer = async (json: unknown) =>
        failureOf(await withRehashed(files, path, new TextEncoder().encode(JSON.stringify(json))));
      expect(await failureOf(await withRehashed(files, path, new Uint8Array(10)))).toEqual({
        kind: "tokenizer_malformed",
      });
      expect(await withTokenizer({ ...tokenizer, normalizer: null })).toEqual({
        kind: "tokenizer_unsupported",
        field: "normalizer",
      });
      expect(
        await withTokenizer({
          ...tokenizer,
          model: { ...tokenizer.model, vocab: { ...tokenizer.model.vocab, extra: 40000 } },
        }),
      ).toEqual({ kind: "tokenizer_unsupported", field: "vocabulary" });
    });

    test("and the whole bundle still loads after all of these", async () => {
      expect(await failureOf(withFile(files, "unnamed.txt", new Uint8Array(1)))).toBeNull();
    });
  });

  /** Offset of a run of 384 floats that look like LayerNorm weights: all positive, near one. */
  function layerNormOffset(model: Uint8Array<ArrayBuffer>): number {
    const floats = new Float32Array(model.buffer, 0, model.byteLength >> 2);
    let run = 0;
    for (const [i, value] of floats.entries()) {
      run = value > 0.05 && value < 5 ? run + 1 : 0;
      if (run === 384) return (i - 10) * 4;
    }
    throw new Error("no LayerNorm weights found");
  }
}
