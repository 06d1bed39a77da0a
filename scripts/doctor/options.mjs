/** What `npm run doctor -- ...` understands. */
import { parseArgs } from "node:util";

export const usage = `npm run doctor -- [--account] [--env NAME] [--llm] [--json]
  --account   look at the Cloudflare account too (wrangler must be logged in); only reads
  --env NAME  the environment of wrangler.toml to look at, e.g. workers-ai (default: the top level)
  --llm       ask the configured LLM a few tiny questions: what its server does, and what the service makes of it
  --json      rows as JSON
Exit code: 0 all that is needed is there, 1 something is missing, 2 wrong options.`;

/** @param {string[]} args */
export function readOptions(args) {
  const { values } = parseArgs({
    args,
    options: {
      account: { type: "boolean", default: false },
      env: { type: "string", default: "" },
      llm: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false, short: "h" },
    },
  });
  return values;
}
