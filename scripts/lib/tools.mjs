/** Where the tools are that npm does not bring: Python and Chromium. Node built-ins only. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";

/** @returns {string | null} a Python of 3.11 or newer: PYTHON, or the first on the path */
export function findPython() {
  const test = "import sys; sys.exit(0 if sys.version_info >= (3, 11) else 1)";
  const names = [process.env.PYTHON, "python3.11", "python3.12", "python3.13", "python3"];
  return names.find((name) => name && spawnSync(name, ["-c", test]).status === 0) ?? null;
}

/** @returns {string | null} path of Chromium: CHROMIUM, or Debian's */
export function findChromium() {
  const names = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser"];
  return names.find((name) => name && existsSync(name)) ?? null;
}
