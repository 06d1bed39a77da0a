/** `npm start` as a user runs it: the two machine-readable forms, a port in use, and Ctrl-C. */
import { type ChildProcess, spawn } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { bundleDir, root } from "../../scripts/lib/localStack.ts";
import { freePort, tryPort } from "../../scripts/lib/ports.ts";

interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const started: ChildProcess[] = [];

function npmStart(args: readonly string[]): { child: ChildProcess; finished: Promise<Finished> } {
  const child = spawn("npm", ["start", "--silent", "--", ...args], {
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  started.push(child);
  let stdout = "";
  let stderr = "";
  child.stdout?.on("data", (data) => {
    stdout += data;
  });
  child.stderr?.on("data", (data) => {
    stderr += data;
  });
  const finished = new Promise<Finished>((resolve) => {
    child.once("close", (code) => resolve({ code, stdout, stderr }));
  });
  return { child, finished };
}

afterEach(() => {
  for (const child of started.splice(0)) {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
    } catch {
      // already ended, as it should
    }
  }
});

describe("npm start", () => {
  it("--once --json prints one ranked answer as one JSON object and nothing else", async () => {
    const { finished } = npmStart(["--once", "--json"]);
    const { code, stdout, stderr } = await finished;
    expect(code, stderr).toBe(0);
    const body = JSON.parse(stdout);
    expect(body.llm).toBe("replayed");
    expect(body.degraded).toBe(false);
    expect(body.adapter).toEqual({
      name: "mini",
      version: expect.stringMatching(/^\d{4}\.\d+\.\d+$/),
      channel: "stable",
    });
    expect(body.candidates).toHaveLength(8);
    expect(body.candidates.map((c: { rank: number }) => c.rank).sort()).toEqual([
      1, 2, 3, 4, 5, 6, 7, 8,
    ]);
    for (const candidate of body.candidates) {
      expect(candidate.probability).toBeGreaterThan(0);
      expect(candidate.probability).toBeLessThan(1);
    }
  });

  it("--bundle serves an adapter of another name", async () => {
    const folder = mkdtempSync(join(tmpdir(), "medadapter-bundle-"));
    try {
      cpSync(bundleDir, folder, { recursive: true });
      const file = join(folder, "manifest.json");
      const manifest = JSON.parse(readFileSync(file, "utf8"));
      writeFileSync(file, JSON.stringify({ ...manifest, name: "ours", version: "1.0.0" }));
      const { finished } = npmStart(["--once", "--json", "--bundle", folder]);
      const { code, stdout, stderr } = await finished;
      expect(code, stderr).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({
        degraded: false,
        adapter: { name: "ours", version: "1.0.0", channel: "stable" },
      });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it("names a port in use and ends with an error", async () => {
    const port = await freePort(19_950);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
    try {
      const { code, stderr } = await npmStart(["--once", "--port", String(port)]).finished;
      expect(code).toBe(1);
      expect(stderr).toContain(`port ${port} is in use`);
    } finally {
      server.close();
    }
  });

  it("prints the table, serves, and Ctrl-C ends every process it started", async () => {
    const port = await freePort(19_960);
    const { child, finished } = npmStart(["--port", String(port)]);
    let shown = "";
    await new Promise<void>((resolve, reject) => {
      child.stderr?.on("data", (data) => {
        shown += data;
        if (shown.includes("until Ctrl-C")) resolve();
      });
      child.once("close", () => reject(new Error(`npm start ended early:\n${shown}`)));
    });
    const ready = await fetch(`http://127.0.0.1:${port}/readyz`);
    expect(ready.status).toBe(200);
    // Ctrl-C in a terminal signals the whole foreground group.
    process.kill(-(child.pid ?? 0), "SIGINT");
    const { stdout } = await finished;
    expect(stdout).toMatch(/rank\s+answer\s+score/);
    expect(stdout).toMatch(/Confidence: /);
    // The README shows this very output: all but times, and the port.
    const same = (text: string) =>
      text.replaceAll(`:${port}`, ":8787").replace(/^Latency: .*$/mu, "Latency");
    const lines = same(`${shown}\n${stdout}`).split("\n");
    const printed = /`npm start` prints:\n\n```text\n(.*?)^```$/msu.exec(
      readFileSync(join(root, "README.md"), "utf8"),
    )?.[1];
    const missing = same(printed ?? "none")
      .split("\n")
      .filter((line) => !lines.includes(line));
    expect(missing).toEqual([]);
    expect(await tryPort(port)).toBe(port);
  });
});
