/** What `npm run keys -- ...` understands. */
import { parseArgs } from "node:util";
import { allScopes } from "../../src/worker/features.ts";

const SCOPES = allScopes.known;

import { KEY_ID, KeyWish } from "../../src/worker/access/keys.ts";

export const usage = `npm run keys -- create --tenant T --scopes ${SCOPES.slice(0, 2).join(",")} [--adapters mini] [--quota N] [--spend-day M] [--spend-month M] [--llms L] [--forbid-llms L]
npm run keys -- list
npm run keys -- revoke ID
  --tenant T      lower-case letters, digits and hyphens
  --scopes S,S    of: ${SCOPES.join(", ")}
  --adapters A,A  the only adapters it may use (default: all that its tenant may)
  --quota N       requests a calendar month (default: no limit)
  --spend-day M   money that it may spend in a day, e.g. 2.50, in the deployment's currency (default: no cap)
  --spend-month M the same in a calendar month
  --llms L,L      names or tags of the only LLMs that may be asked for it (default: all)
  --forbid-llms L names or tags of LLMs that must not be asked for it
  --local         the keys of \`npm start\` and \`wrangler dev\` (default)
  --remote        the deployed Worker's keys (wrangler must be logged in)
  --env NAME      with --remote: an environment of wrangler.toml, e.g. workers-ai (default: the top level)
  --persist-to D  where local state lies (default: .wrangler/state)
  --json          machine-readable output`;

export type Command =
  | { readonly kind: "create"; readonly wish: KeyWish }
  | { readonly kind: "list" }
  | { readonly kind: "revoke"; readonly id: string }
  | { readonly kind: "help" };

export interface KeysOptions {
  readonly command: Command;
  readonly remote: boolean;
  /** Environment of wrangler.toml whose Worker's keys they are; "": the top level. */
  readonly env: string;
  readonly json: boolean;
  readonly persistTo: string;
}

/** @throws Error with one line for the user */
export function readOptions(argv: readonly string[]): KeysOptions {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      tenant: { type: "string" },
      scopes: { type: "string" },
      adapters: { type: "string" },
      quota: { type: "string" },
      "spend-day": { type: "string" },
      "spend-month": { type: "string" },
      llms: { type: "string" },
      "forbid-llms": { type: "string" },
      local: { type: "boolean", default: false },
      remote: { type: "boolean", default: false },
      env: { type: "string", default: "" },
      "persist-to": { type: "string", default: ".wrangler/state" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false, short: "h" },
    },
  });
  if (values.local && values.remote) throw new Error("--local and --remote exclude each other");
  if (values.env !== "" && !values.remote) throw new Error("--env wants --remote beside it");
  const command: Command = values.help ? { kind: "help" } : readCommand(positionals, values);
  const { remote, env, json } = values;
  return { command, remote, env, json, persistTo: values["persist-to"] };
}

interface WishFlags {
  readonly tenant?: string | undefined;
  readonly scopes?: string | undefined;
  readonly adapters?: string | undefined;
  readonly quota?: string | undefined;
  readonly "spend-day"?: string | undefined;
  readonly "spend-month"?: string | undefined;
  readonly llms?: string | undefined;
  readonly "forbid-llms"?: string | undefined;
}

function readCommand([name, id, ...more]: readonly string[], flags: WishFlags): Command {
  if (more.length > 0) throw new Error("too many arguments: see --help");
  if (name === "create" && id === undefined) return { kind: "create", wish: readWish(flags) };
  if (name === "list" && id === undefined) return { kind: "list" };
  if (name === "revoke" && id !== undefined) {
    if (!KEY_ID.test(id)) throw new Error("revoke wants a key's id: 16 hexadecimal digits");
    return { kind: "revoke", id };
  }
  throw new Error("say create, list or revoke ID: see --help");
}

const faults: Readonly<Record<string, string>> = {
  tenant: "--tenant must be a name of lower-case letters, digits and hyphens",
  scopes: `--scopes must be of: ${SCOPES.join(", ")}`,
  adapters: "--adapters must be names, separated by commas",
  quota: "--quota must be a whole number of requests a month",
  spend_day: "--spend-day must be money with at most six decimals, such as 2.50",
  spend_month: "--spend-month must be money with at most six decimals, such as 2.50",
  llms: "--llms must be names or tags of LLMs, separated by commas",
  forbid_llms: "--forbid-llms must be names or tags of LLMs, separated by commas",
};

function readWish(flags: WishFlags): KeyWish {
  const { tenant, scopes, adapters, quota } = flags;
  const unknown = scopes?.split(",").some((name) => !SCOPES.some((scope) => scope === name));
  if (unknown) throw new Error(faults.scopes);
  const wish = KeyWish.safeParse({
    tenant,
    scopes: scopes?.split(","),
    adapters: adapters?.split(",") ?? null,
    quota: quota === undefined ? null : Number(quota),
    // Absent where they are not wished: older versions know such records.
    llms: flags.llms?.split(","),
    forbid_llms: flags["forbid-llms"]?.split(","),
    spend_day: flags["spend-day"],
    spend_month: flags["spend-month"],
  });
  if (wish.success) return wish.data;
  const field = String(wish.error.issues[0]?.path[0]);
  throw new Error(faults[field] ?? "the key's wishes are not valid: see --help");
}
