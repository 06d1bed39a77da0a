/**
 * No regular expression of the service takes more than linear time: a caller's text of a megabyte would hold the isolate
 * for minutes. Each literal in `src` is checked by recheck, which searches for a text that makes it slow.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseSync } from "@swc/core";
import { checkSync } from "recheck";
import { describe, expect, it } from "vitest";

interface Expression {
  readonly file: string;
  readonly source: string;
  readonly flags: string;
}

const root = join(import.meta.dirname, "..", "..");
const files = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" }).filter(
  (file) => file.endsWith(".ts") && !file.endsWith(".d.ts"),
);

/** Every regular expression literal of a module, by its syntax tree. */
function literalsOf(file: string): Expression[] {
  const found: Expression[] = [];
  const visit = (node: unknown): void => {
    if (typeof node !== "object" || node === null) return;
    if ("type" in node && node.type === "RegExpLiteral" && "pattern" in node && "flags" in node) {
      found.push({ file, source: String(node.pattern), flags: String(node.flags) });
    }
    for (const child of Object.values(node)) visit(child);
  };
  const code = readFileSync(join(root, "src", file), "utf8");
  visit(parseSync(code, { syntax: "typescript", target: "es2022", decorators: true }));
  return found;
}

/** Each once, where it first stands. */
const literals = [
  ...new Map(files.flatMap(literalsOf).map((one) => [`${one.source} ${one.flags}`, one])).values(),
];

/**
 * What sees a bounded text alone, and why. Some of these recheck calls slow; with others it is busy for long, because it
 * unrolls each bounded repetition.
 */
const bounded: readonly (readonly [file: string, reason: string])[] = [
  ["llm/openai/failure.ts", "an error's message is cut at 8,192 characters"],
  ["llm/openai/refusal.ts", "the same message"],
  ["worker/plans/llms.ts", "the deployment's own LLM_BASE_URL"],
  ["worker/http/log.ts", "paths of our own routes"],
];
const checked = literals.filter(({ file }) => bounded.every(([of]) => of !== file));

describe("a regular expression of the service", () => {
  it("is found by its syntax, and a slow one is noticed", () => {
    expect(checked.length).toBeGreaterThan(60);
    expect(checkSync("^\\W+|[,;.?!]+$", "g", { timeout: 10_000 }).status).toBe("vulnerable");
  });

  it.each(checked)("/$source/$flags in $file takes linear time", ({ source, flags }) => {
    expect(checkSync(source, flags, { timeout: 50_000 }).status).toBe("safe");
  });
});
