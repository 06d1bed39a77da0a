/** The command line of `npm run eval`. */
import { parseArgs } from "node:util";
import { CoreFault } from "../core/fault.ts";

export const usage = `npm run eval -- --data FILE... [--bundle DIR | --url URL] [--engine node|worker]
              [--k 1,2,4,8] [--json OUT] [--report DIR]

Scores labelled candidates and chooses answers as the service does, then measures it all by data set.
  --data FILE...   candidate files (docs/data.md), .jsonl or .jsonl.gz
  --bundle DIR     the adapter; models/mini by default. With --url: the adapter that the service has
  --engine NAME    node (default): the engine in this machine's Node, on all cores. worker: HTTP
                   against a local workerd, or against --url
  --url URL        a running service (its key in MEDADAPTER_KEY); means --engine worker
  --k LIST         sizes of the K-curve; 1,2,4,8,16,32 by default
  --json OUT       all figures
  --report DIR     index.html and report.md
  --out DIR        scored files and journals; runs/eval/ADAPTER@VERSION-ENGINE by default. The same
                   command goes on where it was stopped
  --split NAME     only the questions of this share of the project's split: train, validation, test
  --leave-out FILE these questions are in no share: a file of keys, as configs/mini-seen.txt
                   of scripts/train has them
  --threads N      for the Node engine; one for each core by default
  --python PATH    a Python with the training package's requirements; the project's own by default`;

export type EngineName = "node" | "worker";

export interface Options {
  readonly data: readonly string[];
  readonly bundle: string;
  readonly engine: EngineName;
  readonly url: string | null;
  readonly ks: readonly number[];
  readonly json: string | null;
  readonly report: string | null;
  readonly out: string | null;
  readonly split: string;
  readonly leaveOut: string | null;
  readonly threads: number | null;
  readonly python: string | null;
}

/** Throws `CoreFault`. */
export function readOptions(args: readonly string[]): Options | "help" {
  const { values, positionals } = parse(args);
  if (values.help) return "help";
  // `--data A B C`: what follows the first file is taken as files too.
  const data = [...(values.data ?? []), ...positionals];
  if (data.length === 0)
    throw new CoreFault("bad_request", "--data is needed: one candidate file or more");
  const url = values.url?.replace(/\/+$/, "") ?? null;
  const engine = values.engine ?? (url === null ? "node" : "worker");
  if (engine !== "node" && engine !== "worker")
    throw new CoreFault("bad_request", "--engine is node or worker");
  if (url !== null && engine === "node")
    throw new CoreFault("bad_request", "--url goes with --engine worker");
  const splits = ["all", "train", "validation", "test"];
  if (!splits.includes(values.split))
    throw new CoreFault("bad_request", `--split is one of ${splits.join(", ")}`);
  return {
    data,
    bundle: values.bundle,
    engine,
    url,
    ks: values.k.split(",").map((one) => count(one, "--k")),
    json: values.json ?? null,
    report: values.report ?? null,
    out: values.out ?? null,
    split: values.split,
    leaveOut: values["leave-out"] ?? null,
    threads: values.threads === undefined ? null : count(values.threads, "--threads"),
    python: values.python ?? null,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        data: { type: "string", multiple: true },
        bundle: { type: "string", default: "models/mini" },
        engine: { type: "string" },
        url: { type: "string" },
        k: { type: "string", default: "1,2,4,8,16,32" },
        json: { type: "string" },
        report: { type: "string" },
        out: { type: "string" },
        split: { type: "string", default: "all" },
        "leave-out": { type: "string" },
        threads: { type: "string" },
        python: { type: "string" },
        help: { type: "boolean", default: false },
      },
    });
  } catch (error) {
    throw new CoreFault("bad_request", error instanceof Error ? error.message : "options");
  }
}

function count(text: string, option: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) {
    throw new CoreFault("bad_request", `${option} takes whole numbers from 1`);
  }
  return value;
}
