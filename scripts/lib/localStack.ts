/**
 * The real thing for end-to-end tests and for the bench: `wrangler dev` (offline, own state) and the replay LLM, each
 * in a process group of its own that ends with its user. Ports 18900 to 18999, and the next hundred for each further
 * worker of vitest: between finding a port and binding it, another worker might take it.
 */
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { freePort } from "./ports.ts";
import { type Started, startProcess, stopAll } from "./processes.ts";

export const root = join(import.meta.dirname, "..", "..");
const firstPort = 18_900 + 100 * (Number(process.env.VITEST_POOL_ID ?? 1) - 1);
export const configPath = join(root, "wrangler.toml");
/** The shipped bundle; another for a trial by MEDADAPTER_E2E_BUNDLE. */
export const bundleDir = process.env.MEDADAPTER_E2E_BUNDLE ?? join(root, "models", "mini");

export interface Replay {
  readonly url: string;
  /** Plans a fault for the next `times` requests, or for all; null ends it. */
  fail(mode: string | null, times?: number): Promise<void>;
  reset(): Promise<void>;
  stats(): Promise<Record<string, number>>;
  stop(): void;
}

export interface Worker {
  readonly url: string;
  /** Port of its inspector. */
  readonly inspector: number;
  readonly log: string;
  stop(): void;
}

/**
 * A folder for state and logs, gone after the tests. It holds a copy of the Worker's source as well: `wrangler dev`
 * starts the Worker anew, in the middle of a request, when someone edits a file that it watches.
 */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "medadapter-e2e-"));
  for (const part of [
    "src",
    "scripts/build-pages.mjs",
    "scripts/lib/warnUnsigned.mjs",
    "examples/recorded",
    "wrangler.toml",
    "package.json",
    "tsconfig.json",
  ]) {
    cpSync(join(root, part), join(folder, part), { recursive: true });
  }
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  return folder;
}

const environment = {
  ...process.env,
  // The Node that runs the tests, and the project's own commands.
  PATH: [
    dirname(process.execPath),
    join(root, "node_modules", ".bin"),
    process.env.PATH ?? "",
  ].join(delimiter),
  CLOUDFLARE_CF_FETCH_ENABLED: "false",
  WRANGLER_SEND_METRICS: "false",
  // Else `wrangler dev` keeps a trace of each request, with its URL, beside the local state.
  X_LOCAL_OBSERVABILITY: "false",
  NO_COLOR: "1",
  CI: "1",
};

async function untilAnswers(what: string, url: string, started: Started): Promise<void> {
  let ended = false;
  void started.exited.then(() => {
    ended = true;
  });
  for (let tries = 0; tries < 400 && !ended; tries += 1) {
    const response = await fetch(url, { signal: AbortSignal.timeout(5000) }).catch(() => null);
    await response?.arrayBuffer();
    if (response?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
  const log = existsSync(started.log) ? readFileSync(started.log, "utf8") : "";
  throw new Error(`${what} did not start:\n${log.split("\n").slice(-30).join("\n")}`);
}

/** Starts the replay LLM; on a port that was used before, to come back after `stop`. */
export async function startReplay(folder: string, port?: number, pace = "off"): Promise<Replay> {
  const at = port ?? (await freePort(firstPort));
  const args = ["--disable-warning=ExperimentalWarning", "scripts/replay-llm/main.ts"];
  const started = startProcess(process.execPath, [...args, "--port", String(at), "--pace", pace], {
    cwd: root,
    env: environment,
    log: join(folder, `replay-${at}.log`),
  });
  const origin = `http://127.0.0.1:${at}`;
  await untilAnswers("the replay LLM", `${origin}/v1/models`, started);
  const control = async (path: string, body?: object) => {
    const response = await fetch(`${origin}/__replay/${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body ?? {}),
    });
    if (!response.ok) throw new Error(`the replay LLM refused ${path}`);
  };
  return {
    url: `${origin}/v1`,
    fail: (mode, times) => control("fail", { mode, ...(times === undefined ? {} : { times }) }),
    reset: () => control("reset"),
    stats: async () => (await fetch(`${origin}/__replay/stats`)).json(),
    stop: () => started.child.kill("SIGKILL"),
  };
}

/**
 * Starts `wrangler dev` on the state in `folder`; ready when it answers at all. It asks for no key, unless told.
 * @param heapMB what V8 may hold of JavaScript in an isolate; without it local workerd has no limit, unlike Cloudflare
 */
export async function startWorker(
  folder: string,
  vars: Readonly<Record<string, string>>,
  heapMB?: number,
): Promise<Worker> {
  const port = await freePort(firstPort + 20);
  const args = ["dev", "--port", String(port), "--ip", "127.0.0.1"];
  args.push("--persist-to", join(folder, "state"), "--show-interactive-dev-session=false");
  const inspector = await freePort(firstPort + 60);
  args.push("--inspector-port", String(inspector));
  const all = { OPEN_ON_LOCALHOST: "true", ...vars };
  for (const [name, value] of Object.entries(all)) args.push("--var", `${name}:${value}`);
  const log = join(folder, `worker-${port}.log`);
  const limit =
    heapMB === undefined ? {} : { MINIFLARE_WORKERD_V8_FLAGS: `--max-heap-size=${heapMB}` };
  const env = { ...environment, ...limit };
  const started = startProcess("wrangler", args, { cwd: folder, env, log });
  const url = `http://127.0.0.1:${port}`;
  await untilAnswers("the Worker", `${url}/healthz`, started);
  return { url, inspector, log, stop: () => void started.child.kill("SIGTERM") };
}

/** Ends every process of this file and removes its folder. */
export async function endStack(folder: string): Promise<void> {
  await stopAll();
  rmSync(folder, { recursive: true, force: true });
}

/** Posts JSON; the status, the headers and the parsed body. */
export async function post<Body = Record<string, unknown>>(
  url: string,
  body: unknown,
): Promise<{ status: number; headers: Headers; body: Body }> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  return {
    status: response.status,
    headers: response.headers,
    body: (await response.json()) as Body,
  };
}
