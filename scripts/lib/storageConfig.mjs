/**
 * The storage part of wrangler.toml as a configuration of its own. `getPlatformProxy` runs no code of ours, so that with
 * the whole file it warns of every Durable Object, on each start.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { unstable_readConfig } from "wrangler";

/**
 * @param {string} configPath wrangler.toml
 * @returns {string} path of a file with its KV namespaces and R2 buckets, gone when this process ends
 */
export function storageConfig(configPath) {
  const { name, compatibility_date, kv_namespaces, r2_buckets } = unstable_readConfig({
    config: resolve(configPath),
  });
  const folder = mkdtempSync(join(tmpdir(), "medadapter-storage-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "wrangler.json");
  writeFileSync(file, JSON.stringify({ name, compatibility_date, kv_namespaces, r2_buckets }));
  return file;
}
