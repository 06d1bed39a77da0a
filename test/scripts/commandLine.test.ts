/** Every command of package.json says how it is called, and what is wrong with an option, without a stack trace. */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { root } from "../docs/documents.ts";

const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  readonly scripts: Readonly<Record<string, string>>;
};
/** Without those of other tools, `test`, whose arguments are steps, and `train`, whose help is Typer's. */
const commands = Object.entries(scripts).filter(
  ([name, script]) => script.startsWith("node scripts/") && !["test", "train"].includes(name),
);

function run(script: string, option: string): Promise<{ code: number; output: string }> {
  const [, file = ""] = script.split(" ");
  // So that none of them sets up a Python. `eval` is a command of the training package's.
  const python = process.env.PYTHON_VENV ?? join(root, ".venv", "bin", "python");
  const env = { ...process.env, PYTHON_VENV: python };
  return new Promise((resolve) => {
    execFile(process.execPath, [file, option], { cwd: root, env }, (error, stdout, stderr) => {
      resolve({ code: Number(error?.code ?? 0), output: `${stdout}${stderr}` });
    });
  });
}

describe("the command line", () => {
  it.each(commands)("of %s", async (name, script) => {
    const [asked, wrong] = await Promise.all([run(script, "--help"), run(script, "--nonsense")]);
    expect(asked.code, asked.output).toBe(0);
    expect(asked.output).toContain(name === "start" ? "npm start -- " : `npm run ${name} -- `);
    expect(wrong.code, wrong.output).toBeGreaterThan(0);
    expect(wrong.output).toContain("--nonsense");
    expect(wrong.output).not.toMatch(/^ +at /mu);
  });
});
