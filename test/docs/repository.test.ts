/** What people look for in a repository is there, and says the same as the rest of it. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { root } from "./documents.ts";

const read = (...path: string[]) => readFileSync(join(root, ...path), "utf8");
const { version, license } = JSON.parse(read("package.json"));

describe("the repository", () => {
  it.each(["LICENSE", ".editorconfig", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"])(
    "has %s",
    (file) => {
      expect(read(file).length).toBeGreaterThan(100);
    },
  );

  it("is cited by its own version and licence, with the paper", () => {
    const citation = read("CITATION.cff");
    expect(citation).toContain(`\nversion: ${version}\n`);
    expect(citation).toContain(`\nlicense: ${license}\n`);
    expect(citation).toContain("arXiv:2405.03000");
  });

  it("runs in CI what the README says, and nothing else", () => {
    const commands = [...read(".github", "workflows", "ci.yml").matchAll(/^ +- run: (.*)$/gmu)];
    expect(commands.map(([, command]) => command)).toEqual([".ci/run"]);
    expect(read(".ci", "run")).toMatch(/^npm test$/mu);
  });

  it("lists the shipped adapter among the changes", () => {
    const { name, version: shipped } = JSON.parse(read("models", "mini", "manifest.json"));
    expect(read("CHANGELOG.md")).toContain(`### ${name} ${shipped} - `);
  });

  it("warns in each issue form of patients' data, or asks for no text of a request", () => {
    const forms = readdirSync(join(root, ".github", "ISSUE_TEMPLATE"));
    expect(forms.sort()).toEqual(["bug.yml", "config.yml", "wish.yml", "wrong_answer.yml"]);
    for (const form of ["bug.yml", "wrong_answer.yml"]) {
      expect(read(".github", "ISSUE_TEMPLATE", form)).toContain("No patients' data");
    }
  });
});
