/** `npm run keys` as a user runs it, on local state of its own. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { readOptions } from "../../../scripts/keys/options.ts";
import { parseKey } from "../../../src/worker/access/keys.ts";

const root = join(import.meta.dirname, "..", "..", "..");
const state = mkdtempSync(join(tmpdir(), "medadapter-keys-"));

afterAll(() => rmSync(state, { recursive: true, force: true }));

function keys(...args: readonly string[]) {
  const all = ["scripts/keys.mjs", ...args, "--json", "--persist-to", state];
  return spawnSync(process.execPath, all, { cwd: root, encoding: "utf8" });
}

describe("npm run keys", () => {
  it("makes a key, lists it without its secret, revokes it", () => {
    const money = ["--spend-day", "2.50", "--forbid-llms", "strong,region:us"];
    const limits = ["--adapters", "mini", "--quota", "9", ...money];
    const flags = ["--tenant", "clinic-a", "--scopes", "answer,rerank", ...limits];
    const made = keys("create", ...flags);
    expect(made.status, made.stderr).toBe(0);
    const { key, id, ...rest } = JSON.parse(made.stdout);
    expect(parseKey(key)?.id).toBe(id);
    const wish = {
      ...{ tenant: "clinic-a", scopes: ["answer", "rerank"], adapters: ["mini"], quota: 9 },
      ...{ spend_day: "2.50", spend_month: null, llms: null },
      forbid_llms: ["strong", "region:us"],
    };
    expect(rest).toMatchObject({ ...wish, revoked: null });
    const listed = keys("list");
    expect(JSON.parse(listed.stdout)).toMatchObject([{ id, ...wish }]);
    expect(listed.stdout).not.toContain(parseKey(key)?.secret);
    expect(listed.stdout).not.toContain("hash");
    expect(JSON.parse(keys("revoke", id).stdout).revoked).toMatch(/^\d{4}-/);
    // Wrangler has nothing to say about Durable Objects that only the Worker runs.
    expect(made.stderr).toBe("");
  });

  it.each([
    [["create", "--tenant", "Clinic A", "--scopes", "answer"], "--tenant"],
    [["create", "--tenant", "a", "--scopes", "everything"], "--scopes"],
    [["create", "--tenant", "a", "--scopes", "answer", "--quota", "many"], "--quota"],
    [["create", "--tenant", "a", "--scopes", "answer", "--adapters", ""], "--adapters"],
    [["create", "--tenant", "a", "--scopes", "answer", "--spend-day", "lots"], "--spend-day"],
    [["create", "--tenant", "a", "--scopes", "answer", "--spend-month", "1e3"], "--spend-month"],
    [["create", "--tenant", "a", "--scopes", "answer", "--llms", "a,"], "--llms"],
    [["create", "--tenant", "a", "--scopes", "answer", "--forbid-llms", "a b"], "--forbid-llms"],
    [["revoke", "x"], "id"],
    [["revoke"], "--help"],
    [["list", "--local", "--remote"], "--remote"],
    [["list", "--env", "workers-ai"], "--remote"],
  ])("%j: one line that says what is wrong", (args, named) => {
    expect(() => readOptions(args)).toThrow(named);
    expect(() => readOptions(args)).not.toThrow("\n");
  });
});
