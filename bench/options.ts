/** The command line of `npm run bench`. */
import { parseArgs } from "node:util";

export const usage = `npm run bench -- [--json FILE] [--engine NAME]... [--repetitions N] [--bundle DIR] [--python PATH]

Times the adapter in local workerd against the cross-encoder form of the same weights and against
native ONNX Runtime on one thread.
  --json FILE       also write the rows as JSON
  --engine NAME     ort-web, simd or ort-native; repeatable; all that the bundle has files for by default
  --repetitions N   5 by default, after 2 to warm up
  --bundle DIR      models/mini by default
  --python PATH     a Python with onnxruntime; the project's own by default`;

export interface Options {
  readonly json: string | null;
  readonly engines: readonly string[] | null;
  readonly repetitions: number;
  readonly bundle: string;
  readonly python: string | null;
}

/** Throws an Error with a sentence for the user. */
export function readOptions(args: readonly string[]): Options | "help" {
  const { values } = parseArgs({
    args: [...args],
    options: {
      json: { type: "string" },
      engine: { type: "string", multiple: true },
      repetitions: { type: "string", default: "5" },
      bundle: { type: "string", default: "models/mini" },
      python: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return "help";
  const repetitions = Number(values.repetitions);
  if (!Number.isInteger(repetitions) || repetitions < 1) {
    throw new Error("--repetitions takes a whole number from 1");
  }
  return {
    json: values.json ?? null,
    engines: values.engine ?? null,
    repetitions,
    bundle: values.bundle,
    python: values.python ?? process.env.PYTHON_VENV ?? null,
  };
}
