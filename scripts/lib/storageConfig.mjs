/**
 * The storage part of wrangler.toml as a configuration of its own. `getPlatformProxy` runs no code of ours, so that with
 * the whole file it warns of every Durable Object, on each start.
 */
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { unstable_readConfig } from "wrangler";

/**
 * @param {string} configPath wrangler.toml
 * @returns {string} path of a temporary file with its KV namespaces and R2 buckets
 */
export function storageConfig(configPath) {
  const { name, compatibility_date, kv_namespaces, r2_buckets } = unstable_readConfig({
    config: resolve(configPath),
  });
  const file = join(mkdtempSync(join(tmpdir(), "medadapter-storage-")), "wrangler.json");
  writeFileSync(file, JSON.stringify({ name, compatibility_date, kv_namespaces, r2_buckets }));
  return file;
}
