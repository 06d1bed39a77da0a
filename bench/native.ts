/** Native ONNX Runtime, one thread, in a Python process that takes one job a line. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type Job, modes } from "./rows.ts";
import type { Measured, Subject } from "./subject.ts";

/** @param python the training package's Python, which has onnxruntime */
export function nativeSubject(root: string, python: string, bundle: string): Subject {
  const child = spawn(python, [join(root, "bench", "native.py"), bundle], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    engine: "ort-native",
    modes,
    coldStarts: [],
    fullHouse: async () => null,
    async measure(job: Job): Promise<Measured> {
      child.stdin.write(`${JSON.stringify(job)}\n`);
      const line = await answers.next();
      if (line.done) throw new Error(`native ONNX Runtime ended (${python} bench/native.py)`);
      return JSON.parse(line.value);
    },
    stop: async () => {
      child.kill();
    },
  };
}
