/**
 * Runs a command of ours as a child that it waits for. TypeScript runs under Node 22, whatever Node began: an npm script
 * that sets up the packages starts under the machine's own Node, which may be 20.
 */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { childEnvironment, root } from "./setup.mjs";

/**
 * @param {string} script path from the repository's root
 * @param {string[]} args
 * @returns {Promise<number>} its exit code; signals are handed on and waited for
 */
export function runUnderNode22(script, args, extra = {}) {
  const words = ["--disable-warning=ExperimentalWarning", join(root, script), ...args];
  return runAndWait("node", words, { cwd: root, extra });
}

/**
 * @param {string} command Node 22 and the project's own commands are first on its PATH
 * @param {string[]} args
 * @param {{ cwd: string, extra: Record<string, string> }} options `extra`: variables beside the environment's own
 * @returns {Promise<number>} its exit code; rejects where there is no such command
 */
export function runAndWait(command, args, { cwd, extra }) {
  const child = spawn(command, args, { cwd, env: childEnvironment(extra), stdio: "inherit" });
  // Ctrl-C reaches the whole foreground group; a plain kill reaches only us.
  process.on("SIGINT", () => {});
  process.on("SIGTERM", () => child.kill("SIGTERM"));
  process.on("SIGHUP", () => child.kill("SIGTERM"));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) => resolve(code ?? (signal === "SIGINT" ? 130 : 143)));
  });
}
