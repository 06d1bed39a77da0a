/** The journal: what a killed run had scored is there for the next. */
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openJournal } from "../../../scripts/core/scoring/journal.ts";
import type { QuestionScores } from "../../../scripts/core/scoring/scorer.ts";

const scores: QuestionScores = {
  kind: "scored",
  logits: [0.1 + 0.2, -1e-17],
  bare: [1, 2],
  truncated: [false, true],
};
const tooLong: QuestionScores = { kind: "unscored", reason: "question_too_long" };

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "eval-journal-"));
  path = join(folder, "new", "set.journal.jsonl");
});
afterEach(() => rmSync(folder, { recursive: true }));

async function written(...entries: readonly (readonly [number, QuestionScores])[]): Promise<void> {
  const journal = await openJournal(path, "settings");
  for (const [line, given] of entries) journal.add(line, given);
  journal.close();
}

async function reread() {
  const journal = await openJournal(path, "settings");
  journal.close();
  return journal.scores;
}

describe("a journal", () => {
  it("gives back what was scored, to the last bit", async () => {
    await written([1, scores], [4, tooLong]);
    expect(await reread()).toEqual(
      new Map<number, QuestionScores>([
        [1, scores],
        [4, tooLong],
      ]),
    );
  });

  it("cuts off a line that its process died in, and goes on after it", async () => {
    await written([1, scores]);
    appendFileSync(path, '{"line":2,"kind":"sco');
    await written([3, tooLong]);
    expect([...(await reread()).keys()]).toEqual([1, 3]);
    expect(readFileSync(path, "utf8").endsWith("}\n")).toBe(true);
  });

  it("begins anew where nothing but half its first line was written", async () => {
    await written();
    appendFileSync(path, "");
    rmSync(path);
    appendFileSync(path, '{"journal":1,"set');
    await written([1, scores]);
    expect((await reread()).size).toBe(1);
  });

  it("refuses other settings and damage", async () => {
    await written([1, scores]);
    await expect(openJournal(path, "other")).rejects.toThrow("written under other settings");
    appendFileSync(path, "garbage\n");
    await expect(openJournal(path, "settings")).rejects.toThrow("jsonl:3: damaged");
    // Neither refusal keeps it locked.
    await expect(openJournal(path, "settings")).rejects.toThrow("damaged");
  });

  it.runIf(process.platform === "linux")("is open to one run at a time", async () => {
    const first = await openJournal(path, "settings");
    await expect(openJournal(path, "settings")).rejects.toThrow("another run has it open");
    first.close();
    await expect(reread()).resolves.toBeDefined();
  });
});
