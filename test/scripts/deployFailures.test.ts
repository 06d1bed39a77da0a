/** What `npm run deploy` says and does where something fails. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { endpoint, KEY, playedDeployment, VERSION } from "./playedDeployment.ts";

const played = playedDeployment();
const { deploy } = played;

describe("npm run deploy, where something fails,", () => {
  it("goes on where a failure stopped it", async () => {
    played.account.set({ fail: "queues create" });
    const first = await deploy(endpoint);
    expect(first.output).toMatch(
      /queue medadapter-batches: wrangler queues create medadapter-batches failed: .*Authentication error/,
    );
    expect(first.code).toBe(1);
    played.account.set({});
    const second = await deploy(endpoint);
    expect(second.code, second.output).toBe(0);
    const made = played.account.changes().filter((line) => line.startsWith("r2 bucket create"));
    expect(made).toHaveLength(2);
  });

  it("replaces no version that is stored with other bytes", async () => {
    played.account.set({ buckets: ["medadapter-adapters@"] });
    const place = join(
      played.account.folder,
      "objects",
      `medadapter-adapters@/adapters/mini/${VERSION}`,
    );
    mkdirSync(place, { recursive: true });
    writeFileSync(join(place, "manifest.json"), "{}");
    const { code, output } = await deploy(endpoint);
    expect(code).toBe(1);
    expect(output).toContain(`holds another mini@${VERSION}: a version never changes`);
    expect(played.account.changes().filter((line) => line.startsWith("r2 object"))).toEqual([]);
  });

  it("asks /readyz, and ends with an error where the Worker is not ready", async () => {
    played.answers = {
      status: 503,
      body: { status: "degraded", reason: "pointer_absent", adapter: null },
    };
    const { code, output } = await deploy([...endpoint, "--wait", "0"]);
    expect(output).toContain(`${played.url}: degraded: pointer_absent`);
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
    [
      "a Worker that asks for no key where its host says localhost",
      [...endpoint, "--var", "OPEN_ON_LOCALHOST:true"],
      {},
      /OPEN_ON_LOCALHOST must not be true/,
    ],
  ])("names %s", async (_, args, state, message) => {
    played.account.set(state);
    const { code, output } = await deploy(args, { LLM_API_KEY: KEY });
    expect(code).toBe(1);
    expect(output).toMatch(message);
    expect(output).not.toContain(KEY);
    expect(played.account.changes().filter((line) => /^(secret|deploy)/.test(line))).toEqual([]);
  });
});
