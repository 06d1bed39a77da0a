/** A played Cloudflare account (see playedWrangler.mjs) and a copy of the repository to deploy from. */
import { spawn } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "../../scripts/lib/localStack.ts";

export interface Call {
  readonly args: readonly string[];
  readonly stdin: string;
}

export interface Ended {
  readonly code: number | null;
  readonly output: string;
}

const CHANGES = /^(r2 bucket create|r2 object put|queues create|secret put|deploy) /;

/** Environment that makes our scripts call the played wrangler. */
export interface PlayedAccount {
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
  calls(): Call[];
  /** Command lines of calls that change something. */
  changes(): string[];
  set(state: Readonly<Record<string, unknown>>): void;
}

export function playedAccount(): PlayedAccount {
  const folder = mkdtempSync(join(tmpdir(), "medadapter-account-"));
  const wrangler = join(folder, "wrangler");
  cpSync(join(root, "test", "scripts", "playedWrangler.mjs"), `${wrangler}.mjs`);
  writeFileSync(wrangler, `#!/bin/sh\nexec "${process.execPath}" "${wrangler}.mjs" "$@"\n`);
  chmodSync(wrangler, 0o755);
  const log = join(folder, "calls.jsonl");
  const calls = (): Call[] => {
    if (!existsSync(log)) return [];
    const lines = readFileSync(log, "utf8").split("\n").filter(Boolean);
    return lines.map((line) => JSON.parse(line) as Call);
  };
  return {
    folder,
    env: { WRANGLER: wrangler, PLAYED_ACCOUNT: folder },
    calls,
    changes: () =>
      calls()
        .map(({ args }) => args.join(" "))
        .filter((line) => CHANGES.test(line)),
    set(state) {
      const file = join(folder, "state.json");
      const empty = {
        buckets: [],
        queues: [],
        namespaces: [],
        secrets: {},
        tags: {},
        loggedIn: true,
      };
      const old = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : empty;
      writeFileSync(file, JSON.stringify({ ...old, fail: null, ...state }));
    },
  };
}

/** A copy of what is deployed and of the scripts that do it, so that tests write nothing into the repository. */
export function repositoryCopy(): string {
  const folder = mkdtempSync(join(tmpdir(), "medadapter-copy-"));
  for (const part of [
    "src",
    "scripts",
    "models/mini",
    "examples/recorded",
    "wrangler.toml",
    "package.json",
    "package-lock.json",
    ".npmrc",
  ]) {
    const filter = (path: string) => !/scripts\/train\/(tests|medadapter_train)/.test(path);
    cpSync(join(root, part), join(folder, part), { recursive: true, filter });
  }
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  return folder;
}

/** Runs a script of a copy under this Node; its two outputs as one. */
export function runScript(
  folder: string,
  script: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<Ended> {
  const child = spawn(
    process.execPath,
    ["--disable-warning=ExperimentalWarning", join(folder, script), ...args],
    { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] },
  );
  const chunks: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => chunks.push(chunk));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, output: Buffer.concat(chunks).toString() }));
  });
}

export function remove(...folders: readonly string[]): void {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
}
