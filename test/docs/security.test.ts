/** docs/security.md names real tests: each file that it links exists and holds the title that stands beside it. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";

const root = join(import.meta.dirname, "..", "..");
const document = join(root, "docs", "security.md");
const text = readFileSync(document, "utf8");

/** `[label](../test/....ts) "title"`. */
const named = [...text.matchAll(/\]\((\.\.\/test\/[^)#]+\.ts)\) "([^"]+)"/gu)].map(
  ([, file = "", title = ""]) => ({ file, title }),
);
const linked = [...text.matchAll(/\]\((\.\.\/test\/[^)#]+\.ts)\)/gu)];

test("the document names tests, for every risk of the list", () => {
  expect(named.length).toBeGreaterThanOrEqual(50);
  for (let risk = 1; risk <= 10; risk += 1) {
    const row = text.split("\n").find((line) => line.startsWith(`| API${risk} `)) ?? "";
    expect([risk, named.some(({ title }) => row.includes(`"${title}"`))]).toEqual([risk, true]);
  }
  // One link is to a file as a whole.
  expect(linked.length - named.length).toBe(1);
});

describe("every test that it names", () => {
  test.each(named)("$file: $title", ({ file, title }) => {
    const path = join(dirname(document), file);
    expect(existsSync(path)).toBe(true);
    const literals = [JSON.stringify(title), `'${title}'`, `\`${title}\``];
    const source = readFileSync(path, "utf8");
    expect(literals.some((literal) => source.includes(literal))).toBe(true);
  });
});
