/** `npm run doctor` for real: here, on a bare machine, and (played) with an account. */
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { root } from "../../scripts/lib/localStack.ts";
import { playedAccount, remove } from "./playedAccount.ts";

interface Row {
  readonly what: string;
  readonly state: string;
  readonly found: string;
  readonly fix?: string;
}

/** A clone where nothing was installed. */
const bare = mkdtempSync(join(tmpdir(), "medadapter-bare-"));
for (const part of [
  "scripts/doctor.mjs",
  "scripts/doctor",
  "scripts/lib",
  "package.json",
  "package-lock.json",
  ".npmrc",
  "scripts/train/requirements.txt",
  "scripts/train/pyproject.toml",
]) {
  cpSync(join(root, part), join(bare, part), { recursive: true });
}
afterAll(() => rmSync(bare, { recursive: true, force: true }));

function doctor(folder: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(folder, "scripts", "doctor.mjs"), ...args],
    { cwd: folder, encoding: "utf8", env: { ...process.env, ...env } },
  );
  return { status, stdout, stderr };
}

function rows(folder: string, args: readonly string[] = [], env: NodeJS.ProcessEnv = {}) {
  const { status, stdout, stderr } = doctor(folder, [...args, "--json"], env);
  const list = JSON.parse(stdout || `[] // ${stderr}`) as Row[];
  return { status, list, of: new Map(list.map((row) => [row.what, row])) };
}

describe("npm run doctor", () => {
  it("finds on this machine what `npm start` needs", () => {
    const { of } = rows(root);
    for (const what of ["Node", "npm", "npm packages", "disk"]) {
      expect(of.get(what)).toMatchObject({ state: "ok" });
    }
  });

  it("runs where nothing is installed and nothing is on the path, and says how to mend each", () => {
    const { status, of } = rows(bare, ["--account"], { PATH: "/nowhere", PYTHON: "" });
    expect(status).toBe(1);
    expect(of.get("Node")?.state).toBe("ok");
    expect(of.get("npm")).toMatchObject({ state: "missing", fix: "install Node with npm" });
    expect(of.get("npm packages")).toMatchObject({ state: "missing", found: "none" });
    expect(of.get("Python")).toMatchObject({ state: "optional", found: "none of 3.11 or newer" });
    expect(of.get("Python packages")?.state).toBe("optional");
    expect(of.get("account")).toMatchObject({ state: "missing", fix: "npm ci" });
  });

  it("tells packages of another lock file from none", () => {
    const stamps = join(bare, "node_modules", ".medadapter");
    mkdirSync(stamps, { recursive: true });
    writeFileSync(join(stamps, "packages"), "of an older lock file");
    expect(rows(bare).of.get("npm packages")?.found).toBe("of another package-lock.json");
    rmSync(join(bare, "node_modules"), { recursive: true });
  });

  it("sees a port in use, which fails nobody", async () => {
    const server = createServer();
    // Where somebody else has it, it is in use as well.
    await new Promise<void>((resolve) => {
      server.once("error", () => resolve());
      server.listen(8788, "127.0.0.1", resolve);
    });
    const row = rows(root).of.get("port 8788");
    server.close();
    expect(row).toMatchObject({ state: "optional", fix: "npm start takes the next free one" });
  });

  it("prints a table that ends with the verdict", () => {
    const { status, stdout } = doctor(bare, [], { PATH: "/nowhere" });
    expect(status).toBe(1);
    expect(stdout).toMatch(/^ +what +found +how to fix\n/);
    expect(stdout).toMatch(/missing {3}npm +not on the path +install Node with npm\n/);
    expect(stdout).toMatch(/\n2 missing\.\n$/);
  });

  it("refuses options that it does not know", () => {
    expect(doctor(bare, ["--acount"])).toMatchObject({ status: 2, stdout: "" });
  });
});

describe("npm run doctor -- --account, on a played account", () => {
  const ai = ["--account", "--env", "workers-ai"];

  it("says what an empty account lacks and which command makes it, and changes nothing", () => {
    const account = playedAccount();
    const { status, of } = rows(root, ai, account.env);
    expect(status).toBe(1);
    expect(of.get("wrangler login")).toMatchObject({ state: "ok", found: "Clinic" });
    for (const what of [
      "R2 bucket medadapter-adapters",
      "R2 bucket medadapter-content",
      "queue medadapter-workers-ai-batches",
      "queue medadapter-workers-ai-batches-dead",
      "Worker medadapter-edge-workers-ai",
    ]) {
      expect(of.get(what)).toMatchObject({
        state: "missing",
        fix: "npm run deploy -- --env workers-ai",
      });
    }
    expect(of.get("KV namespace KEYS")?.state).toBe("missing");
    expect(of.get("domain")?.state).toBe("optional");
    expect(account.changes()).toEqual([]);
    remove(account.folder);
  });

  it("finds all of a deployed one, and names the secret that is not set", () => {
    const account = playedAccount();
    account.set({
      buckets: ["medadapter-adapters@", "medadapter-content@"],
      queues: ["medadapter-workers-ai-batches", "medadapter-workers-ai-batches-dead"],
      namespaces: [{ title: "medadapter-edge-workers-ai-KEYS", id: "1" }],
      secrets: { "medadapter-edge-workers-ai": ["CONTENT_SECRET"] },
    });
    const { list } = rows(root, ai, account.env);
    const missing = list.filter(
      ({ what, state }) => state === "missing" && !what.startsWith("npm"),
    );
    expect(missing).toEqual([
      {
        what: "secret ADMIN_TOKEN",
        state: "missing",
        found: "not set",
        fix: "npx wrangler secret put ADMIN_TOKEN --name medadapter-edge-workers-ai",
      },
    ]);
    remove(account.folder);
  });

  it("names an environment that wrangler.toml does not have, and an account that cannot be read", () => {
    const account = playedAccount();
    const unknown = doctor(root, ["--account", "--env", "nosuch"], account.env);
    expect(unknown.status).toBe(2);
    expect(unknown.stderr).toContain('No environment found in configuration with name "nosuch"');
    account.set({ fail: "queues info" });
    const failing = doctor(root, ai, account.env);
    expect(failing.status).toBe(2);
    expect(failing.stderr).toContain("npm run doctor: A request to the Cloudflare API failed");
    remove(account.folder);
  });

  it("says that nobody is logged in, and what the Worker would refuse", () => {
    const account = playedAccount();
    account.set({ loggedIn: false });
    const { status, of } = rows(root, ["--account"], account.env);
    expect(status).toBe(1);
    expect(of.get("wrangler login")).toMatchObject({ state: "missing", found: "not logged in" });
    expect(of.get("configuration")?.found).toContain("LLM_BASE_URL");
    remove(account.folder);
  });
});
