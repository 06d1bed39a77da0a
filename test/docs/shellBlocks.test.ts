/** What counts as a shell block, and which marks are taken. */
import { describe, expect, it } from "vitest";
import { shellBlocks } from "./shellBlocks.ts";

const block = (mark: string, language = "sh") =>
  shellBlocks(`Words.\n\n${mark}\n\`\`\`${language}\nnpm test\n\`\`\`\n`);

describe("shell blocks", () => {
  it("have a mark, a line and a text", () => {
    expect(block("<!-- shell: run -->")).toEqual([
      { line: 5, text: "npm test\n", mark: { kind: "run" } },
    ]);
    expect(block("<!-- shell: fails -->")[0]?.mark).toEqual({ kind: "fails" });
    expect(block("<!-- shell: not run, needs an account -->")[0]?.mark).toEqual({
      kind: "not run",
      reason: "needs an account",
    });
  });

  it.each([
    ["none", ""],
    ["no reason", "<!-- shell: not run -->"],
    ["a reason that says nothing", "<!-- shell: not run, no -->"],
    ["a word that is not known", "<!-- shell: runs -->"],
    ["a line between", "<!-- shell: run -->\n"],
  ])("with %s are not marked", (_, mark) => {
    expect(block(mark).map((found) => found.mark)).toEqual([null]);
  });

  it("are also those that do not say that they are shell, which no mark helps", () => {
    expect(block("<!-- shell: run -->", "")).toMatchObject([{ mark: null }]);
    expect(block("", "text")).toEqual([]);
    expect(shellBlocks('```\n{"id": 1}\n```\n')).toEqual([]);
  });
});
