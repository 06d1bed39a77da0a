/** The deployed Worker's KV namespace KEYS, through wrangler's own commands and login. */
import { spawnSync } from "node:child_process";
import { z } from "zod";
import type { KeyValues } from "../../src/worker/auth/keyStore.ts";

const Listed = z.array(z.object({ name: z.string() }));

/** A namespace whose every call is one wrangler command, run in the repository's root. */
export function remoteKeyValues(root: string): KeyValues {
  const kv = (verb: string, ...args: string[]) => {
    const all = ["kv", "key", verb, ...args, "--binding", "KEYS", "--remote"];
    const run = spawnSync("wrangler", all, { cwd: root, encoding: "utf8" });
    if (run.error) throw run.error;
    return run;
  };
  const need = (run: ReturnType<typeof kv>) => {
    if (run.status === 0) return run.stdout;
    throw new Error(`wrangler failed:\n${(run.stderr || run.stdout).trim()}`);
  };
  return {
    get: async (key) => {
      const run = kv("get", key, "--text");
      return run.status !== 0 && /not found/i.test(run.stderr) ? null : need(run);
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
