/** What `npm run deploy -- ...` understands. */
import { parseArgs } from "node:util";

export interface DeployOptions {
  readonly help: boolean;
  readonly dryRun: boolean;
  /** Environment of wrangler.toml; "": the top level. */
  readonly env: string;
  /** Custom domains beside those of wrangler.toml. */
  readonly domains: readonly string[];
  readonly vars: Readonly<Record<string, string>>;
  /** How long the Worker may take until it is ready. */
  readonly waitMs: number;
}

export const usage = `npm run deploy -- [--dry-run] [--env workers-ai] [--domain HOST] [--var NAME:VALUE] [--wait SECONDS]
  --dry-run         print the plan, change nothing (works without a login, too)
  --env NAME        an environment of wrangler.toml (default: the top level)
  --domain HOST     a custom domain on a zone of the account; to keep it, write it into wrangler.toml
  --var NAME:VALUE  a variable for this deployment in place of wrangler.toml's; the next one without it resets it
  --wait SECONDS    how long the deployed Worker may take to be ready (default: 60)
Secrets come from the environment, never from the command line: LLM_API_KEY, RERANK_API_KEY, and where you have
your own CONTENT_SECRET and ADMIN_TOKEN, which are made up otherwise. Those that the Worker has are left as they are.`;

const SECRET = /_API_KEY$|^CONTENT_SECRET$|^ADMIN_TOKEN$/;

/** @throws Error with one line for the user */
export function readOptions(argv: readonly string[]): DeployOptions {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      "dry-run": { type: "boolean", default: false },
      env: { type: "string", default: "" },
      domain: { type: "string", multiple: true, default: [] },
      var: { type: "string", multiple: true, default: [] },
      wait: { type: "string", default: "60" },
      help: { type: "boolean", default: false, short: "h" },
    },
  });
  const waitMs = Number(values.wait) * 1_000;
  if (!(waitMs >= 0)) throw new Error("--wait must be a number of seconds");
  return {
    help: values.help,
    dryRun: values["dry-run"],
    env: values.env,
    domains: values.domain,
    vars: Object.fromEntries(values.var.map(readVar)),
    waitMs,
  };
}

function readVar(text: string): [string, string] {
  const [, name, value] = /^([A-Z][A-Z0-9_]*):(.*)$/s.exec(text) ?? [];
  if (name === undefined || value === undefined) throw new Error("--var must be NAME:VALUE");
  if (SECRET.test(name)) {
    throw new Error(`${name} is a secret: set it in the environment, not on a command line`);
  }
  return [name, value];
}
