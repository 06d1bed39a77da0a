/** The deployed Worker's KV namespace KEYS, through wrangler's own commands and login. */
import { z } from "zod";
import type { KeyValues } from "../../src/worker/access/keyStore.ts";
import type { Ran, Wrangler } from "../lib/wranglerCli.ts";

const Listed = z.array(z.object({ name: z.string() }));

/**
 * A namespace whose every call is one wrangler command.
 *
 * @param env environment of wrangler.toml; "": the top level
 */
export function remoteKeyValues(wrangler: Wrangler, env: string): KeyValues {
  const kv = (verb: string, ...args: string[]) =>
    wrangler(["kv", "key", verb, ...args, "--binding", "KEYS", "--remote", "--env", env]);
  const need = ({ ok, stdout, fault }: Ran) => {
    if (ok) return stdout;
    throw new Error(`wrangler failed: ${fault}`);
  };
  return {
    get: async (key) => {
      const run = kv("get", key, "--text");
      return !run.ok && /not found/i.test(run.fault) ? null : need(run);
    },
    put: async (key, value) => {
      need(kv("put", key, value));
    },
    list: async ({ prefix }) => {
      const keys = Listed.parse(JSON.parse(need(kv("list", "--prefix", prefix))));
      return { keys, list_complete: true };
    },
  };
}
