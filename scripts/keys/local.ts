/** The KV namespace KEYS of `wrangler dev`, on this machine. */
import { join, resolve } from "node:path";
import { getPlatformProxy } from "wrangler";
import type { KeyValues } from "../../src/worker/access/keyStore.ts";
import { storageConfig } from "../lib/storageConfig.mjs";

/** @param persistTo what `wrangler dev --persist-to` was given */
export async function localKeyValues(
  root: string,
  persistTo: string,
): Promise<{ values: KeyValues; close: () => Promise<void> }> {
  const { env, dispose } = await getPlatformProxy<{ KEYS: KeyValues }>({
    configPath: storageConfig(join(root, "wrangler.toml")),
    // `wrangler dev --persist-to X` keeps its state in X/v3.
    persist: { path: join(resolve(root, persistTo), "v3") },
    envFiles: [],
  });
  return { values: env.KEYS, close: dispose };
}
