/** docs/configuration.md and docs/options.md tell of every variable that the Worker reads, and of no other. */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root } from "./documents.ts";

/** Members of an interface that are variables or secrets. Bindings have types of their own. */
const member = /^ {2,4}readonly ([A-Z][A-Z_]+)\?: string;$/gmu;

/** As the folders of the Worker declare them in `Bindings`. */
const variables = globSync("src/worker/**/*.ts", { cwd: root })
  .flatMap((file) => [...readFileSync(join(root, file), "utf8").matchAll(member)])
  .map(([, name = ""]) => name)
  .toSorted();

/** Names in the first cell of each row whose second cell is one of `kinds`; null: of each row. */
function told(text: string, kinds: readonly string[] | null): string[] {
  return text
    .split("\n")
    .filter((line) => line.startsWith("| `"))
    .map((line) => line.split(" | "))
    .filter(([, kind = ""]) => kinds === null || kinds.includes(kind))
    .flatMap(([names = ""]) => [...names.matchAll(/`([A-Z][A-Z_]+)`/gu)])
    .map(([, name = ""]) => name)
    .toSorted();
}

test("configuration.md has a row for every variable and secret", () => {
  expect(variables.length).toBeGreaterThan(30);
  const text = readFileSync(join(root, "docs", "configuration.md"), "utf8");
  expect(told(text, ["variable", "variables", "secret"])).toEqual(variables);
});

test("options.md says who sets each", () => {
  const text = readFileSync(join(root, "docs", "options.md"), "utf8");
  const [, section = ""] = text.split("## Variables of the Worker\n");
  expect(told(section.split("\n## ")[0] ?? "", null)).toEqual(variables);
});
