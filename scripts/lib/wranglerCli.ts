/** wrangler's own commands, run in the repository's root with its own login. */
import { spawnSync } from "node:child_process";
import { stripVTControlCharacters } from "node:util";

export interface Ran {
  readonly ok: boolean;
  readonly stdout: string;
  /** What it said of its failure; holds nothing that was given on stdin. */
  readonly fault: string;
}

/** Runs one command; `stdin` is the way of secrets, which are never arguments. */
export type Wrangler = (args: readonly string[], given?: Given) => Ran;

export interface Given {
  readonly stdin?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * @param command another wrangler than the one on the path
 * @throws Error where there is none
 */
export function wranglerIn(root: string, command = process.env.WRANGLER || "wrangler"): Wrangler {
  return (args, { stdin = "", env = {} } = {}) => {
    const run = spawnSync(command, [...args], {
      cwd: root,
      encoding: "utf8",
      input: stdin,
      // CI: it asks nothing. The log file would hold what it prints, so there is none.
      env: { ...process.env, CI: "1", NO_COLOR: "1", WRANGLER_WRITE_LOGS: "false", ...env },
      maxBuffer: 64 * 2 ** 20,
    });
    if (run.error) throw new Error(`wrangler cannot be run: ${run.error.message}`);
    return { ok: run.status === 0, stdout: run.stdout, fault: faultOf(run.stderr || run.stdout) };
  };
}

/** What it says from its word "[ERROR]" on, without colours and ornament: warnings may stand before. */
function faultOf(output: string): string {
  const plain = stripVTControlCharacters(output);
  const error = plain.lastIndexOf("[ERROR]");
  const lines = plain.slice(Math.max(error, 0)).split("\n");
  const said = lines.map((line) => line.replace("[ERROR]", "").trim());
  return said
    .filter((line) => line !== "" && !/^(⛅|─+$|🪵)/u.test(line))
    .slice(0, 6)
    .join(" ");
}
