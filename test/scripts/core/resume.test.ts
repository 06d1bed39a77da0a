/** `kill -9` in the middle: the same command scores the rest, nothing twice, and ends with the same file. */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, it } from "vitest";

const root = join(import.meta.dirname, "..", "..", "..");
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "eval-resume-"));
  const recorded = join(root, "examples", "recorded", "pubmedqa.jsonl");
  const lines = readFileSync(recorded, "utf8").split("\n").slice(0, 8);
  writeFileSync(join(folder, "small.jsonl"), `${lines.join("\n")}\n`);
});
afterAll(() => rmSync(folder, { recursive: true }));

/** The core, asked to score the file; it ends when it has answered. */
function start(out: string) {
  const script = join(root, "scripts", "core.ts");
  const child = spawn(process.execPath, [script], { stdio: ["pipe", "ignore", "ignore"] });
  const request = {
    op: "score",
    data: [{ file: join(folder, "small.jsonl"), lines: null }],
    bundle: join(root, "models", "mini"),
    engine: "node",
    url: null,
    threads: null,
    ks: [1, 2],
    out: join(folder, out),
  };
  child.stdin.end(`${JSON.stringify(request)}\n`);
  return child;
}

function ended(out: string): Promise<number | null> {
  return new Promise((resolve) => start(out).once("exit", resolve));
}

/** Lines of questions in the journal, in the order in which they were scored. */
function journal(out: string): number[] {
  if (!existsSync(join(folder, out))) return [];
  const name = readdirSync(join(folder, out)).find((file) => file.endsWith(".journal.jsonl"));
  if (name === undefined) return [];
  const rows = readFileSync(join(folder, out, name), "utf8")
    .split("\n")
    .slice(1, -1);
  return rows.map((row) => JSON.parse(row).line);
}

const scoredFile = (out: string) =>
  gunzipSync(readFileSync(join(folder, out, "small.scored.jsonl.gz"))).toString();

it("goes on where it was killed", async () => {
  const killed = start("killed");
  const gone = new Promise((resolve) => killed.once("exit", resolve));
  await expect
    .poll(() => journal("killed").length, { timeout: 40_000, interval: 5 })
    .toBeGreaterThan(0);
  killed.kill("SIGKILL");
  await gone;
  const before = journal("killed");
  expect(before.length).toBeLessThan(8);
  expect(existsSync(join(folder, "killed", "small.scored.jsonl.gz"))).toBe(false);

  expect(await ended("killed")).toBe(0);
  const after = journal("killed");
  expect(after.slice(0, before.length)).toEqual(before);
  expect([...after].sort()).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);

  expect(await ended("whole")).toBe(0);
  expect(scoredFile("killed")).toBe(scoredFile("whole"));
});
