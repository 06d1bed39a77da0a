/**
 * ONNX Runtime with a heap that does not grow, then with one that was overwritten: what can be had again after either.
 * Its state is the process's, so the order of these tests matters.
 */
import { beforeAll, describe, expect, it } from "vitest";
import { type Bundle, type Verified, verifyBundle } from "../../src/adapter/bundle.ts";
import { bundleFolder } from "../../src/adapter/bundleStore.node.ts";
import type { EncoderInput, Engine } from "../../src/adapter/engine.ts";
import type { StartEngine } from "../../src/adapter/load.ts";
import { bundlePath } from "./paths.node.ts";

/** Room for the shipped adapter and short texts, not for long ones. Pages of 64 KiB. */
const PAGES = 600;

let bundle: Verified<Bundle>;
let startEngine: StartEngine;
let memory: WebAssembly.Memory | null = null;

beforeAll(async () => {
  const verified = await verifyBundle(bundleFolder(bundlePath), { keep: ["onnx", "tokenizer"] });
  if (!verified.ok) throw new Error(verified.failure.kind);
  bundle = verified.value;
  // The runtime makes its memory when it is first imported or started.
  class Limited extends WebAssembly.Memory {
    constructor(wanted: WebAssembly.MemoryDescriptor) {
      super({ ...wanted, maximum: PAGES });
      memory = this;
    }
  }
  Reflect.set(WebAssembly, "Memory", Limited);
  ({ startEngine } = await import("../../src/adapter/engines/onnx/engine.node.ts"));
});

const input = (tokens: number): EncoderInput => ({
  ids: Array.from({ length: tokens }, (_, at) => 1000 + at),
  truncated: false,
});

async function scoreOf(engine: Engine): Promise<number> {
  const prefix = await engine.encodePrefix(input(16));
  const logit = await engine.score(prefix, input(16));
  prefix.release();
  return logit;
}

describe("ONNX Runtime", () => {
  let before: number;

  it("out of memory fails the run, and gives all of it back when its session is closed", async () => {
    const engine = await startEngine(bundle);
    before = await scoreOf(engine);
    await expect(engine.encodePrefix(input(384))).rejects.toMatchObject({ reason: "trap" });
    await expect(startEngine(bundle)).rejects.toMatchObject({ reason: "out_of_memory" });
    await engine.close();
    const fresh = await startEngine(bundle);
    expect(await scoreOf(fresh)).toBe(before);
    await fresh.close();
  });

  it("after a trap of its WebAssembly computes nothing and starts no engine, and says so", async () => {
    const engine = await startEngine(bundle);
    const prefix = await engine.encodePrefix(input(16));
    new Uint8Array(memory?.buffer ?? new ArrayBuffer()).fill(0xff);
    const aborted = { reason: "aborted" };
    await expect(engine.score(prefix, input(16))).rejects.toMatchObject(aborted);
    await expect(engine.encodePrefix(input(16))).rejects.toMatchObject(aborted);
    await expect(startEngine(bundle)).rejects.toMatchObject(aborted);
    prefix.release();
    await engine.close();
  });
});
