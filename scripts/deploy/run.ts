/** A wrangler command that changes something, and has to succeed. */
import type { Given, Wrangler } from "../lib/wranglerCli.ts";

/** @throws Error that names the command and what wrangler said; nothing that was given on stdin is in either */
export function run(wrangler: Wrangler, args: readonly string[], given?: Given): void {
  const { ok, fault } = wrangler(args, given);
  if (!ok) throw new Error(`wrangler ${args.join(" ")} failed: ${fault}`);
}
