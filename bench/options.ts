/** The command line of `npm run bench`. */
import { parseArgs } from "node:util";

/**
 * - `engines`: each engine at a few sizes, the cross-encoder's way beside ours. `sweeps`: how cost grows.
 * - `sizes`: larger encoders in the same isolate. `overlap`: what a request waits for. `request`: all but the engine.
 * Only where they are named: `load`, many at once for `--minutes`, about 4 minutes more in all; `swaps`, a hundred of
 * them under load, some 5 minutes.
 */
export const parts = [
  ...(["engines", "sweeps", "sizes", "overlap", "request"] as const),
  ...(["load", "swaps"] as const),
] as const;
export type Part = (typeof parts)[number];
const NAMED_ONLY: readonly Part[] = ["load", "swaps"];

export const usage = `npm run bench -- [PART]... [--json FILE] [--plots DIR] [--engine NAME]... [--repetitions N]
               [--bundle DIR] [--python PATH]
npm run bench -- --url URL [--requests N] [--answers N] [--json FILE]

Measures the adapter in local workerd, everything side by side in one run. PART: ${parts.join(", ")};
all but load and swaps by default.
  --json FILE       also write all figures as JSON
  --plots DIR       also draw how cost grows, and a request's time line, as SVG
  --engine NAME     ort-web, simd, ort-native or transformers.js; repeatable; by default all
                    that the bundle has files for
  --minutes N       how long load lasts (10)
  --repetitions N   5 by default, after 2 to warm up
  --bundle DIR      models/mini by default
  --python PATH     a Python with onnxruntime and torch; the project's own by default
  --url URL         measures a service that runs there instead, from here (key in MEDADAPTER_KEY)
  --requests N      how many of each kind, 40 by default; /v1/rerank alone, which asks no LLM
  --answers N       also so many /v1/answer of 8 candidates, which the LLM's provider bills; 0 by default`;

export interface Options {
  readonly parts: readonly Part[];
  readonly json: string | null;
  readonly plots: string | null;
  readonly engines: readonly string[] | null;
  readonly repetitions: number;
  readonly minutes: number;
  /** A service to measure in place of all parts; null: none. */
  readonly url: string | null;
  readonly requests: number;
  readonly answers: number;
  readonly bundle: string;
  readonly python: string;
}

/** Throws an Error with a sentence for the user. */
export function readOptions(args: readonly string[]): Options | "help" {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      json: { type: "string" },
      plots: { type: "string" },
      engine: { type: "string", multiple: true },
      repetitions: { type: "string", default: "5" },
      minutes: { type: "string", default: "10" },
      bundle: { type: "string", default: "models/mini" },
      python: { type: "string" },
      url: { type: "string" },
      requests: { type: "string", default: "40" },
      answers: { type: "string", default: "0" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return "help";
  const repetitions = wholeNumber(values.repetitions, "--repetitions", 1);
  const minutes = Number(values.minutes);
  if (!(minutes > 0)) throw new Error("--minutes takes a number above 0");
  const unknown = positionals.find((name) => !(parts as readonly string[]).includes(name));
  if (unknown !== undefined) throw new Error(`a part is one of ${parts.join(", ")}`);
  if (values.url !== undefined && values.plots !== undefined) {
    throw new Error("--plots draws the parts, not what --url measures");
  }
  return {
    parts:
      positionals.length === 0
        ? parts.filter((part) => !NAMED_ONLY.includes(part))
        : (positionals as Part[]),
    json: values.json ?? null,
    plots: values.plots ?? null,
    url: values.url?.replace(/\/+$/u, "") ?? null,
    requests: wholeNumber(values.requests, "--requests", 1),
    answers: wholeNumber(values.answers, "--answers", 0),
    engines: values.engine ?? null,
    repetitions,
    minutes,
    bundle: values.bundle,
    python: values.python ?? process.env.PYTHON_VENV ?? "python3",
  };
}

function wholeNumber(text: string, option: string, least: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= least) return value;
  throw new Error(`${option} takes a whole number from ${least}`);
}
