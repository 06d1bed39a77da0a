/** Rows of the Cloudflare account and of the LLM: looked up by TypeScript of ours under Node 22, once the packages are there. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { childEnvironment, root } from "../lib/setup.mjs";

/**
 * @param {string} env environment of wrangler.toml; "": the top level
 * @returns {Promise<import("./table.mjs").Row[]>}
 */
export async function checkAccount(env) {
  return rowsOf("accountRows.ts", env);
}

/** @returns {Promise<import("./table.mjs").Row[]>} what tiny questions to the configured LLM show */
export async function checkLlm() {
  return rowsOf("llmRows.ts");
}

function rowsOf(name, ...args) {
  const script = join(root, "scripts", "doctor", name);
  const { status, stdout, stderr } = spawnSync(
    "node",
    ["--disable-warning=ExperimentalWarning", script, ...args],
    { cwd: root, env: childEnvironment(), encoding: "utf8" },
  );
  if (status !== 0) throw new Error(stderr.trim());
  return JSON.parse(stdout);
}
