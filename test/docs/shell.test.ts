/** Every shell block of the documents says whether it can be run here; those that can are run, on a local stack. */
import { spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  bundleDir,
  configPath,
  endStack,
  type Replay,
  startReplay,
  startWorker,
  temporaryFolder,
  type Worker,
} from "../../scripts/lib/localStack.ts";
import { seedAdapter } from "../../scripts/lib/seed.mjs";
import { documentsIn, root } from "./documents.ts";
import { type ShellBlock, shellBlocks } from "./shellBlocks.ts";

const documents = documentsIn("").map((path) => ({
  path,
  blocks: shellBlocks(readFileSync(join(root, path), "utf8")),
}));
const python = process.env.PYTHON_VENV ?? join(root, ".venv", "bin", "python");

const isRun = ({ mark }: ShellBlock) => mark?.kind === "run" || mark?.kind === "fails";
const withRuns = documents.filter(({ blocks }) => blocks.some(isRun)).map(({ path }) => path);

describe("shell blocks", () => {
  it.each(documents)("of $path are marked", ({ path, blocks }) => {
    const unmarked = blocks.filter(({ mark }) => mark === null);
    expect(unmarked.map(({ line }) => `${path}:${line}`)).toEqual([]);
  });
});

describe("shell blocks that can be run", () => {
  let folder: string;
  let replay: Replay;
  let worker: Worker;

  beforeAll(async () => {
    if (!existsSync(python)) throw new Error("there is no Python environment: run `npm test`");
    folder = temporaryFolder();
    const filter = (path: string) => !path.includes(join("scripts", "train", "tests"));
    for (const part of [
      "scripts",
      "examples",
      "package-lock.json",
      ".npmrc",
      ".dev.vars.example",
    ]) {
      cpSync(join(root, part), join(folder, part), { recursive: true, filter });
    }
    symlinkSync(join(root, "models"), join(folder, "models"));
    // One state for the Worker and for `npm run keys`.
    mkdirSync(join(folder, ".wrangler"));
    mkdirSync(join(folder, "state"));
    symlinkSync(join(folder, "state"), join(folder, ".wrangler", "state"));
    replay = await startReplay(folder);
    const persistTo = join(folder, "state");
    await seedAdapter({ bundleDir, persistTo, configPath, channel: "stable" });
    worker = await startWorker(folder, {
      LLM_BASE_URL: replay.url,
      LLM_MODEL: "replay",
      CONTENT_SECRET: "a content secret of 32 characters",
    });
  });

  afterAll(() => endStack(folder));

  it("there are some", () => {
    expect(withRuns).toEqual(expect.arrayContaining(["README.md", "docs/api.md"]));
  });

  it.each(withRuns)("%s", async (path) => {
    const blocks = documents.find((document) => document.path === path)?.blocks.filter(isRun) ?? [];
    const { code, output } = await bash(scriptOf(blocks));
    expect(code, `${path}: the last block began did not end as it should\n${output}`).toBe(0);
    expect(output).toContain("== all ran ==");
  });

  /** One shell for a document, as its reader has one; curl fails where the answer is an error. */
  function scriptOf(blocks: readonly ShellBlock[]): string {
    const run = blocks.map(({ line, text, mark }) =>
      mark?.kind === "fails"
        ? `echo "== line ${line}"\nif ( ${text} ); then echo "it did not fail"; exit 1; fi`
        : `echo "== line ${line}"\n${text}`,
    );
    const prelude = 'set -euo pipefail\ncurl() { command curl --fail-with-body "$@"; }';
    return [prelude, `U=${worker.url}`, ...run, 'echo "== all ran =="']
      .join("\n")
      .replaceAll("http://127.0.0.1:8787", worker.url)
      .replaceAll("http://127.0.0.1:8788/v1", replay.url);
  }

  function bash(script: string): Promise<{ code: number | null; output: string }> {
    const child = spawn("bash", ["-c", script], {
      cwd: folder,
      // HOME: nobody's login of wrangler.
      env: {
        ...process.env,
        CLOUDFLARE_API_TOKEN: "",
        HOME: folder,
        PYTHON_VENV: python,
        HF_HUB_OFFLINE: "1",
        COLUMNS: "150",
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const chunks: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => chunks.push(chunk));
    return new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code) => resolve({ code, output: Buffer.concat(chunks).toString() }));
    });
  }
});
