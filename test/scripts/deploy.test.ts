/** `npm run deploy` against a played account: what it makes, once; where secrets go; what it says of failures. */
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { parsePointer } from "../../src/adapter/pointer.ts";
import {
  type Ended,
  type PlayedAccount,
  playedAccount,
  remove,
  repositoryCopy,
  runScript,
} from "./playedAccount.ts";

const KEY = "sk-of-nobody-0123456789";
const endpoint = ["--var", "LLM_BASE_URL:https://llm.example/v1", "--var", "LLM_MODEL:some-model"];

let copy: string;
let account: PlayedAccount;
let worker: Server;
let answers: { status: number; body: unknown };
let url: string;

beforeAll(async () => {
  copy = repositoryCopy();
  worker = createServer((_, response) => {
    response.writeHead(answers.status).end(JSON.stringify(answers.body));
  });
  await new Promise<void>((resolve) => worker.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(worker.address() as AddressInfo).port}`;
});
beforeEach(() => {
  account = playedAccount();
  answers = { status: 200, body: { status: "ready", adapter: { name: "mini", version: "1" } } };
});
afterEach(() => remove(account.folder, join(copy, ".wrangler")));
afterAll(() => {
  worker.close();
  remove(copy);
});

function deploy(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  const { LLM_API_KEY: _, ...own } = process.env;
  return runScript(copy, "scripts/deploy/main.ts", args, {
    ...own,
    ...account.env,
    PLAYED_URL: url,
    ...env,
  });
}

const stored = (path: string) => readFileSync(join(account.folder, "objects", path));

describe("npm run deploy", () => {
  it("--dry-run prints the plan and changes nothing", async () => {
    const { code, output } = await deploy([...endpoint, "--dry-run"], { LLM_API_KEY: KEY });
    expect(code, output).toBe(0);
    expect(output).toMatch(/to do +R2 bucket medadapter-adapters: to be made/);
    expect(output).toMatch(/to do +secret LLM_API_KEY: to be set from the environment/);
    expect(output).toMatch(/to do +Worker medadapter-edge: to be deployed/);
    expect(account.calls().length).toBeGreaterThan(5);
    expect(account.changes()).toEqual([]);
  });

  it("makes all that is missing, in an order that serves nothing half; a second run does nothing", async () => {
    const first = await deploy(endpoint, { LLM_API_KEY: KEY });
    expect(first.code, first.output).toBe(0);
    const kinds = account.changes().map((line) => line.split(" ").slice(0, 4).join(" "));
    const files = readdirSync(join(copy, "models", "mini")).filter(
      (name) => name !== "README.md" && name !== "manifest.json",
    );
    expect(kinds.slice(0, 4)).toEqual([
      "r2 bucket create medadapter-adapters",
      "r2 bucket create medadapter-content",
      "queues create medadapter-batches",
      "queues create medadapter-batches-dead",
    ]);
    const objects = kinds.filter((line) => line.startsWith("r2 object"));
    expect(objects.length).toBeGreaterThan(files.length);
    expect(objects.at(-2)).toMatch(/\/manifest\.json$/);
    expect(objects.at(-1)).toMatch(/channels\/mini\/stable\.json$/);
    expect(kinds.slice(-4)).toEqual([
      "secret put CONTENT_SECRET --name",
      "secret put ADMIN_TOKEN --name",
      "secret put LLM_API_KEY --name",
      "deploy --env  --tag",
    ]);
    expect(first.output).toContain(`${url}: mini@1 serves`);

    const before = account.changes().length;
    const second = await deploy(endpoint, { LLM_API_KEY: KEY });
    expect(second.code, second.output).toBe(0);
    expect(second.output).toContain("Nothing to do.");
    expect(second.output).toContain(`${url}: mini@1 serves`);
    expect(account.changes().length).toBe(before);

    // Another configuration is another version, and nothing else.
    await deploy([...endpoint, "--var", "NOTICE:Ask a doctor."], { LLM_API_KEY: KEY });
    expect(account.changes().slice(before)).toEqual([expect.stringMatching(/^deploy .*NOTICE/)]);
  });

  it("uploads the bundle byte by byte, and a pointer that the Worker reads", async () => {
    await deploy(endpoint);
    const manifest = stored("medadapter-adapters@/adapters/mini/2026.11.2/manifest.json");
    for (const { path } of JSON.parse(manifest.toString()).files) {
      const there = stored(`medadapter-adapters@/adapters/mini/2026.11.2/${path}`);
      expect(there.equals(readFileSync(join(copy, "models", "mini", path))), path).toBe(true);
    }
    const pointer = stored("medadapter-adapters@/channels/mini/stable.json");
    expect(parsePointer(pointer, "mini", "stable")).toMatchObject({
      ok: true,
      value: { version: "2026.11.2", serial: 1 },
    });
  });

  it("hands secrets over on stdin alone, and keeps those it made up for its user alone", async () => {
    const { output } = await deploy(endpoint, { LLM_API_KEY: KEY });
    const puts = account.calls().filter(({ args }) => args[0] === "secret" && args[1] === "put");
    const values = puts.map(({ stdin }) => stdin);
    expect(values).toHaveLength(3);
    expect(values[2]).toBe(KEY);
    for (const value of values.slice(0, 2)) expect(value).toMatch(/^[\w-]{43}$/);
    const lines = account.calls().map(({ args }) => args.join(" "));
    for (const value of values) {
      expect(output).not.toContain(value);
      expect(lines.filter((line) => line.includes(value))).toEqual([]);
    }
    const file = join(copy, ".wrangler", "deployed", "medadapter-edge.env");
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file, "utf8")).toBe(
      `CONTENT_SECRET=${values[0]}\nADMIN_TOKEN=${values[1]}\n`,
    );
  });

  it("deploys the environment workers-ai with its own queues, and asks for no key", async () => {
    const { code, output } = await deploy(["--env", "workers-ai"]);
    expect(code, output).toBe(0);
    const changes = account.changes();
    expect(changes).toContain("queues create medadapter-workers-ai-batches-dead");
    expect(changes).not.toContain("queues create medadapter-batches");
    expect(changes.at(-1)).toMatch(/^deploy --env workers-ai --tag [0-9a-f]{16}$/);
    expect(output).not.toContain("LLM_API_KEY");
  });

  it("makes buckets and objects in the jurisdiction that wrangler.toml names", async () => {
    const file = join(copy, "wrangler.toml");
    const usual = readFileSync(file, "utf8");
    writeFileSync(file, usual.replace(/^(bucket_name = .*)$/gm, '$1\njurisdiction = "eu"'));
    try {
      const { code, output } = await deploy(endpoint);
      expect(code, output).toBe(0);
      const inR2 = account.changes().filter((line) => line.startsWith("r2 "));
      expect(inR2.filter((line) => !line.endsWith("--jurisdiction eu"))).toEqual([]);
    } finally {
      writeFileSync(file, usual);
    }
  });

  it("leaves an adapter that must be signed to `npm run train`", async () => {
    const key = Buffer.alloc(32, 1).toString("base64");
    const signed = await deploy([...endpoint, "--var", `ADAPTER_PUBLIC_KEY:${key}`]);
    expect(signed.code, signed.output).toBe(0);
    expect(signed.output).toMatch(/it must be signed: npm run train -- publish models\/mini/);
    expect(account.changes().filter((line) => line.startsWith("r2 object"))).toEqual([]);
  });

  it("goes on where a failure stopped it", async () => {
    account.set({ fail: "queues create" });
    const first = await deploy(endpoint);
    expect(first.output).toMatch(
      /queue medadapter-batches: wrangler queues create medadapter-batches failed: .*Authentication error/,
    );
    expect(first.code).toBe(1);
    account.set({});
    const second = await deploy(endpoint);
    expect(second.code, second.output).toBe(0);
    const made = account.changes().filter((line) => line.startsWith("r2 bucket create"));
    expect(made).toHaveLength(2);
  });

  it("replaces no version that is stored with other bytes", async () => {
    account.set({ buckets: ["medadapter-adapters@"] });
    const place = join(account.folder, "objects", "medadapter-adapters@/adapters/mini/2026.11.2");
    mkdirSync(place, { recursive: true });
    writeFileSync(join(place, "manifest.json"), "{}");
    const { code, output } = await deploy(endpoint);
    expect(code).toBe(1);
    expect(output).toContain("holds another mini@2026.11.2: a version never changes");
    expect(account.changes().filter((line) => line.startsWith("r2 object"))).toEqual([]);
  });

  it("asks /readyz, and ends with an error where the Worker is not ready", async () => {
    answers = {
      status: 503,
      body: { status: "degraded", reason: "pointer_absent", adapter: null },
    };
    const { code, output } = await deploy([...endpoint, "--wait", "0"]);
    expect(output).toContain(`${url}: degraded: pointer_absent`);
    expect(code).toBe(1);
  });

  it.each([
    [
      "a fault of the configuration",
      [],
      {},
      /LLM_BASE_URL must be an endpoint that Cloudflare can reach/,
    ],
    ["no login", endpoint, { loggedIn: false }, /not logged in: npx wrangler login/],
    [
      "an account that cannot be read",
      endpoint,
      { fail: "r2 bucket info" },
      /Authentication error/,
    ],
    [
      "a secret on the command line",
      ["--var", `LLM_API_KEY:${KEY}`],
      {},
      /LLM_API_KEY is a secret/,
    ],
  ])("names %s", async (_, args, state, message) => {
    account.set(state);
    const { code, output } = await deploy(args, { LLM_API_KEY: KEY });
    expect(code).toBe(1);
    expect(output).toMatch(message);
    expect(output).not.toContain(KEY);
    expect(account.changes().filter((line) => /^(secret|deploy)/.test(line))).toEqual([]);
  });
});
