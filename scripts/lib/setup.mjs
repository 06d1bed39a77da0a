/**
 * Makes a fresh clone ready to run: npm packages, Node 22, the training package's virtual environment, Chromium.
 * Node built-ins only, because it runs before anything is installed. Progress goes to stderr: stdout belongs to the
 * command's result.
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { isSetUp, root, stamp } from "./stamps.mjs";
import { findChromium, findPython } from "./tools.mjs";

export { root };

/** A set-up step that cannot be done here; `message` says what the user can do. */
export class SetupError extends Error {}

/** @param {string} text one line for a human, on stderr */
export function say(text) {
  process.stderr.write(`${text}\n`);
}

function run(what, command, args) {
  const started = Date.now();
  say(`${what} ...`);
  const result = spawnSync(command, args, {
    cwd: root,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  });
  if (result.error || result.status !== 0) {
    const output = `${result.stdout ?? ""}${result.stderr ?? ""}`
      .trim()
      .split("\n")
      .slice(-20)
      .join("\n");
    throw new SetupError(
      `${what} failed (${command} ${args.join(" ")}):\n${result.error?.message ?? output}`,
    );
  }
  say(`${what}: done in ${((Date.now() - started) / 1000).toFixed(0)} s`);
}

/** Installs the npm packages of the lock file, once a lock file. */
export function ensurePackages() {
  if (isSetUp("packages")) return;
  run("Installing npm packages (about 1.5 GB, half a minute or more)", "npm", [
    "ci",
    "--loglevel=error",
  ]);
  stamp("packages");
}

/**
 * The environment for child processes: Node 22 and the project's own commands first on PATH.
 * wrangler and type stripping need Node 22; where the machine's Node is older, the one from npm is used.
 */
export function childEnvironment(extra = {}) {
  const bin = join(root, "node_modules", ".bin");
  const major = Number(process.versions.node.split(".")[0]);
  const own = join(root, "node_modules", `node-linux-${process.arch}`, "bin");
  const paths = [];
  if (major < 22) {
    if (!existsSync(join(own, "node"))) {
      throw new SetupError(
        `Node 22 or newer is needed; this is ${process.version} and no packaged Node 22 exists for ${process.platform}-${process.arch}. Install Node 22.`,
      );
    }
    paths.push(own);
  } else {
    paths.push(dirname(process.execPath));
  }
  return {
    ...process.env,
    PATH: [...paths, bin, process.env.PATH ?? ""].join(delimiter),
    CLOUDFLARE_CF_FETCH_ENABLED: "false",
    WRANGLER_SEND_METRICS: "false",
    // Else `wrangler dev` keeps a trace of each request, with its URL, beside the local state.
    X_LOCAL_OBSERVABILITY: "false",
    ...extra,
  };
}

/** Builds the Worker's pages; under the project's own Node, whose esbuild it needs. */
export function ensurePages() {
  const env = childEnvironment();
  const result = spawnSync("node", ["scripts/build-pages.mjs"], {
    cwd: root,
    env,
    encoding: "utf8",
  });
  if (result.status !== 0) throw new SetupError(`Building the pages failed:\n${result.stderr}`);
}

/** Path of Debian's Chromium, for the tests of the pages; installed where it is missing and that is possible. */
export function ensureChromium() {
  const found = findChromium();
  if (found) return found;
  if (process.platform !== "linux" || process.getuid?.() !== 0) {
    throw new SetupError(
      "Chromium is needed for the tests of the pages (set CHROMIUM to its path). On Debian or Ubuntu: apt-get install chromium",
    );
  }
  run("Installing Debian's chromium", "sh", [
    "-c",
    "apt-get update -qq; DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium",
  ]);
  const installed = findChromium();
  if (!installed) throw new SetupError("Debian's chromium is installed but not where it should be");
  return installed;
}

/** Path of the virtual environment's Python, made on first use from the training package's exact pins. */
export function ensurePython() {
  const venv = join(root, ".venv");
  const python = join(venv, "bin", "python");
  const pins = "scripts/train/requirements.txt";
  if (isSetUp("python") && existsSync(python)) return python;
  const base = findPython();
  if (base === null) {
    throw new SetupError("Python 3.11 or newer is needed (set PYTHON to name one).");
  }
  if (!existsSync(join(venv, "bin", "pip"))) makeVenv(base, venv);
  run("Installing the training package (PyTorch and its friends: some minutes)", python, [
    "-m",
    "pip",
    "install",
    "--quiet",
    "--disable-pip-version-check",
    "-r",
    pins,
  ]);
  run("Installing medadapter-train", python, [
    "-m",
    "pip",
    "install",
    "--quiet",
    "--disable-pip-version-check",
    "--no-deps",
    "-e",
    "scripts/train",
  ]);
  stamp("python");
  return python;
}

/** The clients in Python that tests call the API with, in the same virtual environment. */
export function ensurePythonClients() {
  const python = ensurePython();
  const pins = "test/clients/requirements.txt";
  if (isSetUp("clients")) return;
  const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", pins];
  run("Installing the Python clients that the API is tested with", python, pip);
  stamp("clients");
}

/** In the order in which they are set up. */
const parts = {
  packages: ensurePackages,
  pages: ensurePages,
  chromium: () => ({ CHROMIUM: ensureChromium() }),
  python: () => ({ PYTHON_VENV: ensurePython() }),
  clients: ensurePythonClients,
};

/**
 * Sets up what is named and is not there yet.
 * @param {readonly (keyof typeof parts)[]} needs
 * @returns {Record<string, string>} variables that tell child processes where things are
 * @throws SetupError
 */
export function setUp(needs) {
  const wanted = Object.entries(parts).filter(([name]) => needs.includes(name));
  return Object.assign({}, ...wanted.map(([, ensure]) => ensure()));
}

function makeVenv(base, venv) {
  try {
    run("Making a Python virtual environment", base, ["-m", "venv", "--clear", venv]);
  } catch (error) {
    // Debian keeps ensurepip in a package of its own.
    if (process.platform !== "linux" || process.getuid?.() !== 0) {
      throw new SetupError(`${error.message}\nOn Debian or Ubuntu: apt-get install python3-venv`);
    }
    run("Installing Debian's python3-venv", "sh", [
      "-c",
      "apt-get update -qq && apt-get install -y -qq python3-venv",
    ]);
    run("Making a Python virtual environment", base, ["-m", "venv", "--clear", venv]);
  }
}
