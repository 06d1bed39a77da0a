/** Secrets are put by `wrangler secret`, never written down: not in wrangler.toml, not in a file that git knows. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { unstable_readConfig } from "wrangler";

const root = join(import.meta.dirname, "..", "..");
const config = join(root, "wrangler.toml");
const environments = [
  undefined,
  ...[...readFileSync(config, "utf8").matchAll(/^\[env\.([\w-]+)\]/gmu)].map(([, name]) => name),
];
/** As docs/configuration.md has them: rows of kind `secret`. */
const secrets = [
  ...readFileSync(join(root, "docs", "configuration.md"), "utf8").matchAll(
    /^\| `(\w+)` \| secret \|/gmu,
  ),
].map(([, name = ""]) => name);

const read = (env: string | undefined) =>
  unstable_readConfig({ config, ...(env === undefined ? {} : { env }) }, { hideWarnings: true });

test("the documents name the secrets that there are, and all environments are looked at", () => {
  expect(secrets.toSorted()).toEqual(
    ["ADMIN_TOKEN", "CONTENT_SECRET", "LLM_API_KEY", "RERANK_API_KEY"].toSorted(),
  );
  expect(environments).toEqual([undefined, "workers-ai"]);
});

describe.each(environments)("environment %s", (env) => {
  test("has no secret among its variables, and none that is named like one", () => {
    const { vars } = read(env);
    expect(Object.keys(vars)).toContain("LLM_MODEL");
    for (const [name, value] of Object.entries(vars)) {
      expect(secrets).not.toContain(name);
      expect(name).not.toMatch(/SECRET|TOKEN|PASSWORD|API_KEY|PRIVATE/);
      expect(String(value)).not.toMatch(/^(sk-|ma_)|[A-Za-z0-9+/_-]{40}/);
    }
  });

  // The host is the caller's word where another Worker's service binding calls.
  test("is open to nobody without a key, whatever host is asked for", () => {
    expect(read(env).vars.OPEN_ON_LOCALHOST ?? "false").toBe("false");
  });

  test("writes down no URL or header: no invocation logs, no traces, no query strings", () => {
    const { observability } = read(env);
    expect(observability).toMatchObject({
      redact_query_string: true,
      logs: { invocation_logs: false },
      traces: { enabled: false },
    });
  });
});

test("no file that git knows holds secrets for this machine, or a key of the service", () => {
  const files = execFileSync("git", ["ls-files"], { cwd: root, encoding: "utf8" }).split("\n");
  expect(files.length).toBeGreaterThan(300);
  expect(files.filter((path) => /(^|\/)\.(dev\.vars|env)(\.|$)/.test(path))).toEqual([
    ".dev.vars.example",
  ]);
  const texts = files.filter((path) => /\.(ts|mjs|md|json|toml|py|yml)$/.test(path));
  const holding = texts.filter((path) =>
    /\bma_[0-9a-f]{16}_[A-Za-z0-9_-]{43}\b|-----BEGIN [A-Z ]*PRIVATE KEY-----\n[A-Za-z0-9+/]{20}/.test(
      readFileSync(join(root, path), "utf8"),
    ),
  );
  expect(holding).toEqual([]);
});
