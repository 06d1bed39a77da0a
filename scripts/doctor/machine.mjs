/** What this machine has. Node built-ins only; nothing is installed, started or written. */
import { spawnSync } from "node:child_process";
import { existsSync, statfsSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { isSetUp, root } from "../lib/stamps.mjs";
import { findChromium, findPython } from "../lib/tools.mjs";

/** npm packages 1.5 GB, the Python side with PyTorch 3 GB, local state. */
const DISK_GB = 6;

/** @returns {Promise<import("./table.mjs").Row[]>} */
export async function checkMachine() {
  return [
    node(),
    npm(),
    packages(),
    python(),
    pythonPackages(),
    chromium(),
    disk(),
    ...(await Promise.all([port(8787, "the Worker of `npm start`"), port(8788, "its local LLM")])),
    llm(),
    localState(),
  ];
}

const ok = (what, found) => ({ what, state: "ok", found });
const missing = (what, found, fix) => ({ what, state: "missing", found, fix });
const optional = (what, found, fix) => ({ what, state: "optional", found, fix });

function node() {
  const major = Number(process.versions.node.split(".")[0]);
  if (major >= 22) return ok("Node", process.version);
  const packaged = process.platform === "linux" && ["x64", "arm64"].includes(process.arch);
  if (major >= 20 && packaged)
    return ok("Node", `${process.version}, and 22 from the npm packages`);
  return missing("Node", process.version, "install Node 22 or newer");
}

function npm() {
  const { status, stdout } = spawnSync("npm", ["--version"], { encoding: "utf8" });
  return status === 0
    ? ok("npm", stdout.trim())
    : missing("npm", "not on the path", "install Node with npm");
}

function packages() {
  if (isSetUp("packages")) return ok("npm packages", "as in package-lock.json");
  const found = existsSync(join(root, "node_modules")) ? "of another package-lock.json" : "none";
  return missing("npm packages", found, "npm start (installs them), or npm ci");
}

function python() {
  const found = findPython();
  if (found !== null) return ok("Python", `${found} (3.11 or newer)`);
  return optional(
    "Python",
    "none of 3.11 or newer",
    "for npm test, train and bench: install it, or name it in PYTHON",
  );
}

function pythonPackages() {
  const venv = process.env.PYTHON_VENV ?? join(root, ".venv", "bin", "python");
  if (isSetUp("python") && existsSync(venv)) return ok("Python packages", "as pinned");
  return optional(
    "Python packages",
    "none, or of other pins",
    "npm run train -- --help makes them",
  );
}

function chromium() {
  const found = findChromium();
  if (found !== null) return ok("Chromium", found);
  return optional(
    "Chromium",
    "not found",
    "for npm test: apt-get install chromium, or name it in CHROMIUM",
  );
}

function disk() {
  const { bavail, bsize } = statfsSync(root);
  const free = (bavail * bsize) / 1e9;
  const found = `${free.toFixed(1)} GB free`;
  // What is installed already needs no more room.
  const needed = isSetUp("packages") ? 1 : DISK_GB;
  return free >= needed ? ok("disk", found) : missing("disk", found, `make ${needed} GB free`);
}

function port(number, use) {
  const what = `port ${number}`;
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () =>
      resolve(optional(what, `in use (${use})`, "npm start takes the next free one")),
    );
    server.listen({ port: number, host: "127.0.0.1", exclusive: true }, () =>
      server.close(() => resolve(ok(what, "free"))),
    );
  });
}

function llm() {
  return existsSync(join(root, ".dev.vars"))
    ? ok("LLM", ".dev.vars is there")
    : optional(
        "LLM",
        "the replay of recordings",
        "for a real one copy .dev.vars.example to .dev.vars",
      );
}

function localState() {
  return existsSync(join(root, ".wrangler", "state"))
    ? ok("local state", ".wrangler/state")
    : optional("local state", "none yet", "npm start makes it");
}
