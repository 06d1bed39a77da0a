/** Rows of the Cloudflare account: looked up by TypeScript of ours under Node 22, once the packages are there. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { childEnvironment, root } from "../lib/setup.mjs";

/**
 * @param {string} env environment of wrangler.toml; "": the top level
 * @returns {Promise<import("./table.mjs").Row[]>}
 */
export async function checkAccount(env) {
  const script = join(root, "scripts", "doctor", "accountRows.ts");
  const { status, stdout, stderr } = spawnSync(
    "node",
    ["--disable-warning=ExperimentalWarning", script, env],
    { cwd: root, env: childEnvironment(), encoding: "utf8" },
  );
  if (status !== 0) throw new Error(stderr.trim());
  return JSON.parse(stdout);
}
