/** The committed WebAssembly is what its source compiles to, small, and free of imports. */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { encoderModule } from "../../src/adapter/engines/simd/engine.node.ts";

const script = fileURLToPath(new URL("../../scripts/build-simd.mjs", import.meta.url));
const committed = new URL("../../src/adapter/engines/simd/encoder.wasm", import.meta.url);

it("is rebuilt to the same bytes", async () => {
  const folder = await mkdtemp(join(tmpdir(), "simd-"));
  try {
    const out = join(folder, "encoder.wasm");
    await promisify(execFile)(process.execPath, [script, "--out", out]);
    expect(Buffer.compare(await readFile(out), await readFile(committed))).toBe(0);
  } finally {
    await rm(folder, { recursive: true });
  }
});

it("has at most 100 KB and needs nothing from outside", async () => {
  expect((await readFile(committed)).byteLength).toBeLessThanOrEqual(100_000);
  const module = await encoderModule();
  expect(WebAssembly.Module.imports(module)).toEqual([]);
});
