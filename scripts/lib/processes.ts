/**
 * Child processes that end when we end. wrangler starts six processes; each child leads a group of its own and the
 * whole group is ended, first by SIGTERM, then by SIGKILL.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createWriteStream } from "node:fs";

export interface Started {
  readonly child: ChildProcess;
  /** Resolves with the exit code, or null when it was killed or could not start. */
  readonly exited: Promise<number | null>;
  /** File that holds its output. */
  readonly log: string;
}

const running = new Set<Started>();

/** Starts a command in a process group of its own; its output goes to the file `log`. */
export function startProcess(
  command: string,
  args: readonly string[],
  options: { cwd: string; env: NodeJS.ProcessEnv; log: string },
): Started {
  const out = createWriteStream(options.log);
  const child = spawn(command, [...args], {
    cwd: options.cwd,
    env: options.env,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  child.stdout?.pipe(out, { end: false });
  child.stderr?.pipe(out, { end: false });
  const exited = new Promise<number | null>((resolve) => {
    child.once("error", () => resolve(null));
    child.once("exit", (code) => resolve(code));
  });
  const started: Started = { child, exited, log: options.log };
  running.add(started);
  void exited.then(() => out.end());
  return started;
}

/** Signals the whole group; false once the group is gone. Signal 0 only asks. */
function signalGroup(started: Started, signal: NodeJS.Signals | 0): boolean {
  if (started.child.pid === undefined) return false;
  try {
    process.kill(-started.child.pid, signal);
    return true;
  } catch {
    return false;
  }
}

/** Ends every group started here; resolves when all are gone. */
export async function stopAll(graceMs = 4000): Promise<void> {
  const entries = [...running];
  running.clear();
  for (const entry of entries) signalGroup(entry, "SIGTERM");
  const limit = Date.now() + graceMs;
  while (entries.some((entry) => signalGroup(entry, 0)) && Date.now() < limit) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  for (const entry of entries) signalGroup(entry, "SIGKILL");
}

// Last resort, for an exit that did not go through stopAll.
process.once("exit", () => {
  for (const entry of running) signalGroup(entry, "SIGKILL");
});
