/** Our own encoder, built from its source with faults in it that it commits when told. */
import { execFile } from "node:child_process";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const script = fileURLToPath(new URL("../../scripts/build-simd.mjs", import.meta.url));
const source = fileURLToPath(new URL("../../src/adapter/engines/simd/assembly", import.meta.url));

/** What `breakNext` takes. */
export const FAULT = { none: 0, trap: 1, notFinite: 2 } as const;

/** What an instance of the faulty encoder exports beside the rest. */
export interface Breakable {
  /** The next score reads beyond the memory, or is not a number. */
  breakNext(fault: number): void;
}

const HONEST = "  return scoreCandidate(";
const FAULTY = `  const wanted = fault;
  fault = ${FAULT.none};
  if (wanted == ${FAULT.trap}) return load<f32>(<usize>0xfffffff0);
  if (wanted == ${FAULT.notFinite}) return f32.NaN;
${HONEST}`;
const TOLD = `
let fault: i32 = ${FAULT.none};

export function breakNext(wanted: i32): void {
  fault = wanted;
}
`;

/**
 * Room for the shipped adapter and one question's keys and values, not for two: by its heap of 26.8 MB with one
 * question of which each further one takes 2.0 (docs/engine.md).
 */
export const PAGES_FOR_ONE = 420;

/** The bytes of such an encoder; its memory grows to `PAGES_FOR_ONE` pages of 64 KiB. */
export async function faultyEncoder(): Promise<Uint8Array<ArrayBuffer>> {
  const folder = await mkdtemp(join(tmpdir(), "faulty-encoder-"));
  try {
    const assembly = join(folder, "assembly");
    await cp(source, assembly, { recursive: true });
    const index = join(assembly, "index.ts");
    const text = await readFile(index, "utf8");
    if (!text.includes(HONEST)) throw new Error("the encoder's source has changed");
    await writeFile(index, text.replace(HONEST, FAULTY) + TOLD);
    const out = join(folder, "encoder.wasm");
    const args = ["--out", out, "--assembly", assembly, "--pages", String(PAGES_FOR_ONE)];
    await promisify(execFile)(process.execPath, [script, ...args]);
    return new Uint8Array(await readFile(out));
  } finally {
    await rm(folder, { recursive: true });
  }
}
