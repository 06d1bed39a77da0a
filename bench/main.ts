/** `npm run bench`, under Node 22: each part in turn, then what they found. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { measureDeployed } from "./deployed.ts";
import { measureEngines } from "./engines.ts";
import { measureLoad } from "./load.ts";
import { machine, say } from "./machine.ts";
import { type Options, readOptions, usage } from "./options.ts";
import { measureOverlap } from "./overlap.ts";
import { measureRequest } from "./request.ts";
import type { Setting } from "./setting.ts";
import { measureSizes } from "./sizes.ts";
import { measureSwaps } from "./swaps.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const given = (path: string): string => resolve(process.env.INIT_CWD ?? process.cwd(), path);

async function bench(options: Options, persistTo: string): Promise<void> {
  const { url, requests, answers } = options;
  if (url !== null) {
    const apiKey = process.env.MEDADAPTER_KEY ?? null;
    const { figures, text } = await measureDeployed({ url, apiKey, requests, answers });
    console.log(text);
    write({ deployed: figures }, options, persistTo);
    return;
  }
  const { parts, repetitions, minutes, engines, python } = options;
  const bundle = resolve(root, options.bundle);
  const setting: Setting = {
    root,
    bundle,
    persistTo,
    python,
    parts,
    repetitions,
    minutes,
    engines,
  };
  const found: Record<string, unknown> = { machine: machine(), at: new Date().toISOString() };
  const texts = [machine()];
  if (parts.includes("engines") || parts.includes("sweeps")) {
    const { rows, sweeps, text } = await measureEngines(setting);
    Object.assign(found, { rows, sweeps });
    texts.push(text);
  }
  if (parts.includes("sizes")) {
    const { rows, text } = await measureSizes(setting);
    found.sizes = rows;
    texts.push(text);
  }
  if (parts.includes("overlap")) {
    const { rows, cold, text } = await measureOverlap(setting);
    Object.assign(found, { overlap: rows, cold });
    texts.push(text);
  }
  if (parts.includes("request")) {
    const { figures, text } = await measureRequest(setting);
    found.request = figures;
    texts.push(text);
  }
  if (parts.includes("load")) {
    const { figures, text } = await measureLoad(setting);
    found.load = figures;
    texts.push(text);
  }
  if (parts.includes("swaps")) {
    const { figures, text } = await measureSwaps(setting);
    found.swaps = figures;
    texts.push(text);
  }
  console.log(texts.join("\n\n"));
  write(found, options, persistTo);
}

function write(found: object, options: Options, persistTo: string): void {
  const text = `${JSON.stringify(found, null, 1)}\n`;
  if (options.json !== null) {
    writeFileSync(given(options.json), text);
    say(`Figures written to ${options.json}`);
  }
  if (options.plots !== null) {
    const file = join(persistTo, "figures.json");
    writeFileSync(file, text);
    const script = join(root, "bench", "plots.py");
    execFileSync(options.python, [script, file, given(options.plots)], { stdio: "inherit" });
    say(`Plots written to ${options.plots}`);
  }
}

// Every Worker that is started listens for this process's end.
process.setMaxListeners(50);
const persistTo = mkdtempSync(join(tmpdir(), "medadapter-bench-"));
try {
  const options = readOptions(process.argv.slice(2));
  if (options === "help") console.log(usage);
  else await bench(options, persistTo);
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
} finally {
  rmSync(persistTo, { recursive: true, force: true });
  // A Worker that failed while it started was never handed over, and would keep this process alive.
  process.exit();
}
