/** ONNX Runtime whose heap was overwritten traps for real, and is then of no more use to its process. */
import { afterAll, expect, it } from "vitest";
import { verifyBundle } from "../../src/adapter/bundle.ts";
import { bundleFolder } from "../../src/adapter/bundleStore.node.ts";
import type { EncoderInput } from "../../src/adapter/engine.ts";
import { startEngine } from "../../src/adapter/engines/onnx/engine.node.ts";
import { bundlePath } from "./paths.node.ts";

const { Memory } = WebAssembly;
let memory: WebAssembly.Memory | null = null;

class Watched extends Memory {
  constructor(wanted: WebAssembly.MemoryDescriptor) {
    super(wanted);
    memory = this;
  }
}
Reflect.set(WebAssembly, "Memory", Watched);
afterAll(() => {
  Reflect.set(WebAssembly, "Memory", Memory);
});

const input: EncoderInput = { ids: [101, 2003, 102], truncated: false };

it("computes nothing any more and starts no engine, and says so", async () => {
  const bundle = await verifyBundle(bundleFolder(bundlePath), { keep: ["onnx", "tokenizer"] });
  if (!bundle.ok) throw new Error(bundle.failure.kind);
  const engine = await startEngine(bundle.value);
  const prefix = await engine.encodePrefix(input);
  expect(await engine.score(prefix, input)).toBeTypeOf("number");
  new Uint8Array(memory?.buffer ?? new ArrayBuffer()).fill(0xff);
  const aborted = { reason: "aborted" };
  await expect(engine.score(prefix, input)).rejects.toMatchObject(aborted);
  await expect(engine.encodePrefix(input)).rejects.toMatchObject(aborted);
  await expect(startEngine(bundle.value)).rejects.toMatchObject(aborted);
  prefix.release();
  await engine.close();
});
