/** Starts the local LLM and the Worker (`wrangler dev`, offline) and waits until both answer. */
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "../lib/ports.ts";
import { type Started, startProcess } from "../lib/processes.ts";
import { seedAdapter } from "../lib/seed.mjs";
import { chooseLlm, type LlmChoice } from "./llm.ts";
import { writeSecrets } from "./secrets.ts";

export interface Stack {
  readonly url: string;
  readonly llm: LlmChoice;
}

const state = ".wrangler";

/** Polls until `ready` answers true; fails with the log's end when the process dies or time is up. */
async function waitUntil(
  what: string,
  started: Started,
  ready: () => Promise<boolean>,
  limitMs: number,
): Promise<void> {
  let ended = false;
  void started.exited.then(() => {
    ended = true;
  });
  const limit = Date.now() + limitMs;
  while (Date.now() < limit && !ended) {
    if (await ready().catch(() => false)) return;
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
  const tail = readFileSync(started.log, "utf8").trim().split("\n").slice(-25).join("\n");
  throw new Error(
    `${what} ${ended ? "ended" : `was not ready within ${limitMs / 1000} s`}. Its log (${started.log}) ends:\n${tail}`,
  );
}

async function answers(url: string): Promise<boolean> {
  const response = await fetch(url, { signal: AbortSignal.timeout(5000) });
  await response.arrayBuffer();
  return response.ok;
}

/**
 * @param bundle absolute path of the adapter bundle to serve
 * @param port the Worker's port
 * @param say progress, one line at a time
 */
export async function startStack(
  root: string,
  bundle: string,
  port: number,
  say: (line: string) => void,
): Promise<Stack> {
  mkdirSync(join(root, state), { recursive: true });
  const env = { ...process.env, NO_COLOR: "1", CI: "1" };
  const replayPort = await freePort(8788, [port]);
  const llm = chooseLlm(root, process.env, `http://127.0.0.1:${replayPort}/v1`);

  say("Putting the shipped adapter into local R2 ...");
  const { name: adapter } = await seedAdapter({
    bundleDir: bundle,
    persistTo: join(root, state, "state"),
    configPath: join(root, "wrangler.toml"),
    channel: "stable",
  });

  if (llm.kind === "replayed") {
    say("Starting the local LLM (a replay of recordings) ...");
    const replay = startProcess(
      "node",
      [
        "--disable-warning=ExperimentalWarning",
        "scripts/replay-llm/main.ts",
        "--port",
        String(replayPort),
      ],
      { cwd: root, env, log: join(root, state, "replay-llm.log") },
    );
    await waitUntil(
      "The local LLM",
      replay,
      () => answers(`http://127.0.0.1:${replayPort}/v1/models`),
      30_000,
    );
  }

  say("Starting the Worker (wrangler dev, offline) ...");
  const secrets = writeSecrets(root, state, llm);
  const args = [
    "dev",
    "--port",
    String(port),
    "--ip",
    "127.0.0.1",
    "--persist-to",
    join(state, "state"),
  ];
  args.push(
    "--inspector-port",
    String(await freePort(9229, [port])),
    "--show-interactive-dev-session=false",
  );
  // A bundle may be of another adapter than the one that wrangler.toml names.
  for (const [name, value] of Object.entries({ ADAPTER: adapter, ...llm.vars }))
    args.push("--var", `${name}:${value}`);
  args.push("--env-file", secrets);
  const worker = startProcess("wrangler", args, {
    cwd: root,
    env,
    log: join(root, state, "worker.log"),
  });
  const url = `http://127.0.0.1:${port}`;
  try {
    await waitUntil("The Worker", worker, () => answers(`${url}/readyz`), 120_000);
  } finally {
    rmSync(secrets, { force: true });
  }
  return { url, llm };
}
