/** `examples/clients` do what they show. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { root } from "../../scripts/lib/localStack.ts";
import { type Service, startService } from "./service.ts";

let service: Service;

beforeAll(async () => {
  // No example knows the LLM's name.
  service = await startService({ LLM_MODEL: "some-model" });
});

afterAll(() => service?.stop());

async function ran(command: string, file: string): Promise<string> {
  const script = join(root, "examples", "clients", file);
  return (await promisify(execFile)(command, [script, service.url], { cwd: root })).stdout;
}

it("curl", async () => {
  const [plain = "", ...events] = (await ran("bash", "ask.sh")).split("\n");
  expect(JSON.parse(plain)).toMatchObject({ object: "answer", abstained: false });
  expect(events.filter((line) => line === "event: candidate")).toHaveLength(3);
  expect(events.join("\n")).toContain("event: answer");
});

it("OpenAI's SDK for Node", async () => {
  expect(await ran(process.execPath, "ask.mjs")).toMatch(/answer [A-D], confidence \S+/u);
});

it("OpenAI's SDK for Python", async () => {
  const python = process.env.PYTHON_VENV ?? join(root, ".venv", "bin", "python");
  expect(await ran(python, "ask.py")).toContain("abstained: no_confidence");
});
