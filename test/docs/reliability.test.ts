/** The tables of docs/reliability.md: every row names tests that are there, and every fault of the replay LLM has a row. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { FAILURES } from "../../scripts/replay-llm/failures.ts";

const docs = join(import.meta.dirname, "..", "..", "docs");
const lines = readFileSync(join(docs, "reliability.md"), "utf8").split("\n");

/** Rows of tables, without their heads. */
const rows = lines.filter(
  (line, at) => line.startsWith("| ") && !lines[at + 1]?.startsWith("|---"),
);

interface Named {
  readonly path: string;
  /** Titles of suite and test, or of one row of `it.each`. */
  readonly titles: readonly string[];
}

function testsOf(row: string): Named[] {
  const links = row.matchAll(/\]\((\.\.\/test\/[^)]+)\) "([^"]+)"/gu);
  return [...links].map(([, path = "", title = ""]) => ({ path, titles: title.split(" > ") }));
}

describe("docs/reliability.md", () => {
  test("has a table for each part", () => {
    const parts = lines.filter((line) => line.startsWith("## "));
    expect(parts).toEqual([
      "## The LLM",
      "## Adapters in R2",
      "## Engines",
      "## The ledger",
      "## The queue of batches",
      "## Not known",
    ]);
    expect(rows.length).toBeGreaterThan(50);
  });

  test.each(rows)("%s", (row) => {
    const named = testsOf(row);
    expect(named).not.toEqual([]);
    for (const { path, titles } of named) {
      const source = readFileSync(join(docs, path), "utf8");
      for (const title of titles) expect(source, path).toContain(`"${title}"`);
    }
  });

  test("has a row for every fault of the replay LLM", () => {
    const titles = rows.flatMap(testsOf).flatMap((named) => named.titles);
    const missing = Object.keys(FAILURES).filter(
      (mode) => !titles.some((title) => title.split(":")[0] === mode),
    );
    expect(missing).toEqual([]);
  });
});
