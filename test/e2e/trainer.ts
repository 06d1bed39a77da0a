/** The training package's commands as a user runs them, in the project's own Python environment. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { root } from "../../scripts/lib/localStack.ts";

/** `npm test` names the interpreter; from an editor it is the one that `npm run train` makes. */
const python = process.env.PYTHON_VENV ?? join(root, ".venv", "bin", "python");

export interface Finished {
  /** Null where it was killed. */
  readonly code: number | null;
  readonly output: string;
}

export interface Running {
  readonly child: ChildProcess;
  readonly finished: Promise<Finished>;
}

/** `medadapter-train ARGUMENTS`. */
export function startTrain(args: readonly string[], env: NodeJS.ProcessEnv = {}): Running {
  return start(join(dirname(python), "medadapter-train"), args, env);
}

/** The same to its end; throws where it fails. Returns what it printed. */
export async function train(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
  const { code, output } = await startTrain(args, env).finished;
  if (code !== 0) throw new Error(`medadapter-train ${args[0]} ended with ${code}:\n${output}`);
  return output;
}

/** A script of the package's own tests. */
export async function pythonScript(script: string, args: readonly string[]): Promise<void> {
  const path = join(root, "scripts", "train", "tests", script);
  const { code, output } = await start(python, [path, ...args], {}).finished;
  if (code !== 0) throw new Error(`${script} ended with ${code}:\n${output}`);
}

function start(command: string, args: readonly string[], env: NodeJS.ProcessEnv): Running {
  if (!existsSync(command)) throw new Error("there is no Python environment: run `npm test`");
  const child = spawn(command, args, {
    // Offline whatever there is; and no key of the one who runs the tests.
    env: { ...process.env, HF_HUB_OFFLINE: "1", COLUMNS: "200", AWS_PROFILE: undefined, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 240_000,
    killSignal: "SIGKILL",
  });
  const chunks: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => chunks.push(chunk));
  const finished = new Promise<Finished>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, output: Buffer.concat(chunks).toString() }));
  });
  return { child, finished };
}
