/** What `npm start -- ...` understands. */
import { parseArgs } from "node:util";

export interface StartOptions {
  readonly once: boolean;
  readonly json: boolean;
  readonly help: boolean;
  readonly question: string;
  /** Folder of the bundle that local R2 is seeded with. */
  readonly bundle: string;
  /** Set only when the user named one: then a port in use is an error, not avoided. */
  readonly port: number | null;
}

export const usage = `npm start -- [--once] [--json] [--question FILE.json] [--port N] [--bundle DIR]
  --once            ask the sample question, print the answer, end
  --json            print the answer as one JSON object (use: npm start --silent -- --once --json)
  --question FILE   ask this instead: a body of POST /v1/answer
  --bundle DIR      serve this adapter bundle (default: models/mini)
  --port N          port of the Worker (default: 8787 or the next free one)
Another LLM: set LLM_BASE_URL, LLM_MODEL and LLM_API_KEY in the environment or in .dev.vars; several: LLMS and PLANS.`;

/** @throws Error with one line for the user */
export function readOptions(argv: readonly string[]): StartOptions {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      once: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false, short: "h" },
      question: { type: "string", default: "examples/questions/medqa-2.json" },
      port: { type: "string" },
      bundle: { type: "string", default: "models/mini" },
    },
  });
  const port = values.port === undefined ? null : Number(values.port);
  if (port !== null && (!Number.isInteger(port) || port < 1 || port > 65535)) {
    throw new Error("--port must be a whole number from 1 to 65535");
  }
  return {
    once: values.once,
    json: values.json,
    help: values.help,
    question: values.question,
    bundle: values.bundle,
    port,
  };
}
