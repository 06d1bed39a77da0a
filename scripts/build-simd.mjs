/**
 * Builds the encoder engine's WebAssembly from AssemblyScript: `node scripts/build-simd.mjs [--out FILE]`.
 * The result is committed; a test builds it again and compares bytes.
 */
import { spawnSync } from "node:child_process";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const folder = join("src", "adapter", "engines", "simd");
const asked = process.argv.indexOf("--out");
const out = asked < 0 ? join(root, folder, "encoder.wasm") : resolve(process.argv[asked + 1] ?? "");

const { status } = spawnSync(
  process.execPath,
  [
    join(root, "node_modules", "assemblyscript", "bin", "asc.js"),
    join(folder, "assembly", "index.ts"),
    "--outFile",
    out,
    "-O3",
    "--noAssert",
    "--runtime",
    "stub",
    // No import at all: nothing here throws.
    "--use",
    "abort=",
    "--enable",
    "simd",
    "--enable",
    "relaxed-simd",
    // Vectors are exchanged between our own functions only.
    "--disableWarning",
    "112",
  ],
  { cwd: root, stdio: "inherit" },
);
process.exitCode = status ?? 1;
