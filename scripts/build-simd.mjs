/**
 * Builds the encoder engine's WebAssembly from AssemblyScript: `node scripts/build-simd.mjs [--out FILE]`.
 * The result is committed; a test builds it again and compares bytes. Tests of faults build other sources
 * (`--assembly FOLDER`), with less memory (`--pages N`, of 64 KiB).
 */
import { spawnSync } from "node:child_process";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const folder = join("src", "adapter", "engines", "simd");
const asked = (name) => {
  const at = process.argv.indexOf(name);
  return at < 0 ? null : (process.argv[at + 1] ?? "");
};
const committed = join(root, folder, "encoder.wasm");
const out = resolve(asked("--out") ?? committed);
const assembly = resolve(asked("--assembly") ?? join(root, folder, "assembly"));
const pages = asked("--pages");

const { status } = spawnSync(
  process.execPath,
  [
    join(root, "node_modules", "assemblyscript", "bin", "asc.js"),
    relative(root, join(assembly, "index.ts")),
    "--outFile",
    out,
    "-O3",
    "--noAssert",
    "--runtime",
    "stub",
    // No import at all: nothing here throws.
    "--use",
    "abort=",
    ...(pages === null ? [] : ["--maximumMemory", pages]),
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
