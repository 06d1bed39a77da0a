/** The command: its one line, its flags, its end. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";

const MAIN = fileURLToPath(new URL("../../scripts/replay-llm/main.ts", import.meta.url));
const FIXTURE = fileURLToPath(new URL("../fixtures/llm-recorded.jsonl", import.meta.url));

let child: ChildProcess | undefined;
afterEach(() => child?.kill("SIGKILL"));

function start(flags: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const spawned = spawn(process.execPath, [MAIN, "--recordings", FIXTURE, ...flags], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  child = spawned;
  let out = "";
  let err = "";
  spawned.stdout.on("data", (data) => {
    out += data;
  });
  spawned.stderr.on("data", (data) => {
    err += data;
  });
  return {
    ended: once(spawned, "close").then(([code]) => ({ code, out, err })),
    url: () =>
      once(spawned.stdout, "data").then(
        () => /http:\/\/127\.0\.0\.1:\d+\/v1/u.exec(out)?.[0] ?? "",
      ),
    kill: (signal: NodeJS.Signals) => spawned.kill(signal),
  };
}

describe("node scripts/replay-llm/main.ts", () => {
  it.each(["SIGTERM", "SIGINT"] as const)("says one line, serves, ends on %s", async (signal) => {
    const { url, kill, ended } = start(["--port", "0", "--fail", "429", "--pace", "off"]);
    const base = await url();
    expect((await fetch(`${base}/models`)).status).toBe(200);
    const body = JSON.stringify({ model: "m", messages: [{ role: "user", content: "?" }] });
    expect((await fetch(`${base}/chat/completions`, { method: "POST", body })).status).toBe(429);
    // An answer under way does not hold it up.
    const hang = fetch(`${base}/chat/completions`, {
      ...{ method: "POST", body, headers: { "x-replay-fail": "hang-before-headers" } },
    }).catch(() => "cut");
    await new Promise((resolve) => setTimeout(resolve, 100));
    kill(signal);
    const { code, out, err } = await ended;
    expect(await hang).toBe("cut");
    expect([code, err]).toEqual([0, ""]);
    expect(out).toBe(`replay-llm ready at ${base} (2 recorded questions)\n`);
  });

  it("names a port that is taken", async () => {
    const first = start(["--port", "0"]);
    const port = new URL(await first.url()).port;
    const { code, err } = await start([], { REPLAY_PORT: port }).ended;
    first.kill("SIGKILL");
    expect([code, err]).toEqual([1, `replay-llm: port ${port} is in use\n`]);
  });

  it("names a wrong flag", async () => {
    for (const flags of [
      ["--pace", "fast"],
      ["--fail", "explode"],
      ["--port", "x"],
    ]) {
      const { code, err } = await start(flags).ended;
      expect(code).toBe(1);
      expect(err).toContain(`${flags[0]} takes`);
    }
  });
});
