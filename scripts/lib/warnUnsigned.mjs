/** Says, when the Worker is deployed, that it will serve whatever lies in its R2 bucket: no public key is configured. */
import { readFileSync } from "node:fs";

/** What `wrangler` tells its build step that it is doing. */
const DEPLOYING = ["deploy", "versions upload"];

/**
 * @param {string | undefined} command what wrangler does, from WRANGLER_COMMAND
 * @param {string} configPath wrangler.toml
 * @returns {string | null} the warning
 */
export function unsignedWarning(command, configPath) {
  if (!DEPLOYING.includes(command ?? "")) return null;
  // Of an environment or of all; a line that is commented out is none.
  const named = /^\s*ADAPTER_PUBLIC_KEY\s*=\s*"[^"]+"/m.test(readFileSync(configPath, "utf8"));
  if (named) return null;
  return "WARNING: wrangler.toml names no ADAPTER_PUBLIC_KEY. Unless it is set elsewhere, this Worker serves any adapter that is in its R2 bucket, signed or not (docs/publishing.md, Signatures).";
}
