/** `npm run deploy` against a played account: what it makes, once; where secrets go; what it says of failures. */
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parsePointer } from "../../src/adapter/pointer.ts";
import { endpoint, KEY, playedDeployment, VERSION } from "./playedDeployment.ts";

const played = playedDeployment();
const { deploy, stored } = played;

describe("npm run deploy", () => {
  it("--dry-run prints the plan and changes nothing", async () => {
    const { code, output } = await deploy([...endpoint, "--dry-run"], { LLM_API_KEY: KEY });
    expect(code, output).toBe(0);
    expect(output).toMatch(/to do +R2 bucket medadapter-adapters: to be made/);
    expect(output).toMatch(/to do +secret LLM_API_KEY: to be set from the environment/);
    expect(output).toMatch(/to do +Worker medadapter-edge: to be deployed/);
    expect(played.account.calls().length).toBeGreaterThan(5);
    expect(played.account.changes()).toEqual([]);
  });

  it("makes all that is missing, in an order that serves nothing half; a second run does nothing", async () => {
    const first = await deploy(endpoint, { LLM_API_KEY: KEY });
    expect(first.code, first.output).toBe(0);
    const kinds = played.account.changes().map((line) => line.split(" ").slice(0, 4).join(" "));
    const files = readdirSync(join(played.copy, "models", "mini")).filter(
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
    expect(first.output).toContain(`${played.url}: mini@1 serves`);

    const before = played.account.changes().length;
    const second = await deploy(endpoint, { LLM_API_KEY: KEY });
    expect(second.code, second.output).toBe(0);
    expect(second.output).toContain("Nothing to do.");
    expect(second.output).toContain(`${played.url}: mini@1 serves`);
    expect(played.account.changes().length).toBe(before);

    // Another configuration is another version, and nothing else.
    await deploy([...endpoint, "--var", "NOTICE:Ask a doctor."], { LLM_API_KEY: KEY });
    expect(played.account.changes().slice(before)).toEqual([
      expect.stringMatching(/^deploy .*NOTICE/),
    ]);
  });

  it("uploads the bundle byte by byte, and a pointer that the Worker reads", async () => {
    await deploy(endpoint);
    const manifest = stored(`medadapter-adapters@/adapters/mini/${VERSION}/manifest.json`);
    for (const { path } of JSON.parse(manifest.toString()).files) {
      const there = stored(`medadapter-adapters@/adapters/mini/${VERSION}/${path}`);
      expect(there.equals(readFileSync(join(played.copy, "models", "mini", path))), path).toBe(
        true,
      );
    }
    const pointer = stored("medadapter-adapters@/channels/mini/stable.json");
    expect(parsePointer(pointer, "mini", "stable")).toMatchObject({
      ok: true,
      value: { version: VERSION, serial: 1 },
    });
  });

  it("hands secrets over on stdin alone, and keeps those it made up for its user alone", async () => {
    const { output } = await deploy(endpoint, { LLM_API_KEY: KEY });
    const puts = played.account
      .calls()
      .filter(({ args }) => args[0] === "secret" && args[1] === "put");
    const values = puts.map(({ stdin }) => stdin);
    expect(values).toHaveLength(3);
    expect(values[2]).toBe(KEY);
    for (const value of values.slice(0, 2)) expect(value).toMatch(/^[\w-]{43}$/);
    const lines = played.account.calls().map(({ args }) => args.join(" "));
    for (const value of values) {
      expect(output).not.toContain(value);
      expect(lines.filter((line) => line.includes(value))).toEqual([]);
    }
    const file = join(played.copy, ".wrangler", "deployed", "medadapter-edge.env");
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file, "utf8")).toBe(
      `CONTENT_SECRET=${values[0]}\nADMIN_TOKEN=${values[1]}\n`,
    );
  });

  it("deploys the environment workers-ai with its own queues, and asks for no key", async () => {
    const { code, output } = await deploy(["--env", "workers-ai"]);
    expect(code, output).toBe(0);
    const changes = played.account.changes();
    expect(changes).toContain("queues create medadapter-workers-ai-batches-dead");
    expect(changes).not.toContain("queues create medadapter-batches");
    expect(changes.at(-1)).toMatch(/^deploy --env workers-ai --tag [0-9a-f]{16}$/);
    expect(output).not.toContain("LLM_API_KEY");
  });

  it("makes buckets and objects in the jurisdiction that wrangler.toml names", async () => {
    const file = join(played.copy, "wrangler.toml");
    const usual = readFileSync(file, "utf8");
    writeFileSync(file, usual.replace(/^(bucket_name = .*)$/gm, '$1\njurisdiction = "eu"'));
    try {
      const { code, output } = await deploy(endpoint);
      expect(code, output).toBe(0);
      const inR2 = played.account.changes().filter((line) => line.startsWith("r2 "));
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
    expect(played.account.changes().filter((line) => line.startsWith("r2 object"))).toEqual([]);
  });
});
