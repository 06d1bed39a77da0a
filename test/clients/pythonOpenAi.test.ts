/** OpenAI's SDK for Python: plain, streaming, errors, retries, time-out, leaving. See python_openai.py. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Service, startService } from "./service.ts";

let service: Service;

beforeAll(async () => {
  service = await startService();
});

afterAll(() => service?.stop());

it("OpenAI's SDK for Python works as with OpenAI", async () => {
  const python = process.env.PYTHON_VENV ?? ".venv/bin/python";
  const script = join(import.meta.dirname, "python_openai.py");
  const { stdout } = await promisify(execFile)(python, [script, service.url, service.replay.url]);
  expect(stdout.trim().split("\n")).toEqual([
    "plain",
    "streaming",
    "errors",
    "retries",
    "time-out",
    "left in the middle",
    "responses",
    "responses as a stream",
  ]);
});
