/** `npm run keys -- ... --remote` against a played account: each environment's Worker has keys of its own. */
import { afterAll, describe, expect, it } from "vitest";
import { root } from "../../scripts/lib/localStack.ts";
import { parseKey } from "../../src/worker/access/keys.ts";
import { playedAccount, remove, runScript } from "./playedAccount.ts";

const account = playedAccount();
afterAll(() => remove(account.folder));

async function keys(...args: readonly string[]) {
  const all = [...args, "--remote", "--json"];
  return runScript(root, "scripts/keys/main.ts", all, { ...process.env, ...account.env });
}

const made = ["create", "--tenant", "clinic-a", "--scopes", "answer"];
const elsewhere = ["--env", "workers-ai"];

describe("npm run keys -- --remote", () => {
  it("makes, lists and revokes keys of the environment that is named, and of no other", async () => {
    account.set({ tags: { "medadapter-edge": "a", "medadapter-edge-workers-ai": "b" } });
    const { code, output } = await keys(...made, ...elsewhere);
    expect(code, output).toBe(0);
    const { key, id } = JSON.parse(output);
    expect(JSON.parse((await keys("list")).output)).toEqual([]);
    const listed = await keys("list", ...elsewhere);
    expect(JSON.parse(listed.output)).toMatchObject([{ id, revoked: null }]);
    expect(await keys("revoke", id)).toEqual({
      code: 1,
      output: "npm run keys: there is no such key\n",
    });
    const revoked = await keys("revoke", id, ...elsewhere);
    expect(JSON.parse(revoked.output).revoked).toMatch(/^\d{4}-/);
    // Wrangler's command line, which others on the machine can read, holds the hash alone.
    const secret = parseKey(key)?.secret ?? "";
    const lines = account.calls().map(({ args }) => args.join(" "));
    expect(lines.length).toBeGreaterThan(5);
    expect(secret).toHaveLength(43);
    expect(lines.filter((line) => line.includes(secret))).toEqual([]);
  });

  it("says what wrangler says where nothing was deployed", async () => {
    account.set({ tags: {} });
    const { code, output } = await keys(...made);
    expect(code).toBe(1);
    expect(output).toContain("npm run keys: wrangler failed: No KV namespace ID found");
  });
});
