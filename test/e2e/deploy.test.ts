/**
 * What would be uploaded: both entries bundle without an account, the light one holds no ONNX Runtime, and only the
 * environment `workers-ai` asks for a remote binding.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { configPath, temporaryFolder } from "../../scripts/lib/localStack.ts";

const out = mkdtempSync(join(tmpdir(), "medadapter-deploy-"));
const source = temporaryFolder();
afterAll(() => {
  for (const folder of [out, source]) rmSync(folder, { recursive: true, force: true });
});

/** `wrangler deploy --dry-run`: what it prints, among it the bindings. */
function dryRun(folder: string, ...args: readonly string[]): string {
  return execFileSync("wrangler", ["deploy", ...args, "--dry-run", "--outdir", folder], {
    // A copy: what wrangler builds first would be taken away from under another file's Worker.
    cwd: source,
    stdio: "pipe",
    encoding: "utf8",
    env: { ...process.env, WRANGLER_SEND_METRICS: "false", CI: "1", NO_COLOR: "1" },
  });
}

/** Names of the bindings and variables that it lists. */
function bindings(printed: string): string[] {
  return [...printed.matchAll(/^env\.(\w+)/gmu)].map(([, name = ""]) => name).sort();
}

/** What `wrangler deploy` says, and the bytes of the modules that it would upload, by name without hash. */
function upload(entry: string): { output: string; modules: Map<string, number> } {
  const folder = join(out, entry.replaceAll("/", "-"));
  const output = dryRun(folder, entry);
  const names = readdirSync(folder).filter((name) => /\.(js|wasm)$/u.test(name));
  const modules = names.map(
    (name) => [name.replace(/^[0-9a-f]{20,}-/u, ""), statSync(join(folder, name)).size] as const,
  );
  return { output, modules: new Map(modules) };
}

/** All that wrangler.toml has, whoever adds one. */
const environments = [...readFileSync(configPath, "utf8").matchAll(/^\[env\.([\w-]+)\]$/gmu)].map(
  ([, name = ""]) => name,
);

const total = (modules: ReadonlyMap<string, number>) =>
  [...modules.values()].reduce((sum, bytes) => sum + bytes, 0);

describe("wrangler deploy --dry-run", () => {
  it("bundles the Worker, ONNX Runtime and our engine", () => {
    const { modules, output } = upload("src/worker/index.ts");
    expect(modules.has("ort-wasm-simd-threaded.wasm")).toBe(true);
    expect(modules.get("encoder.wasm")).toBeLessThan(100_000);
    // Cloudflare takes 64 MiB.
    expect(total(modules)).toBeLessThan(32 * 2 ** 20);
    expect(output).toContain("WARNING: wrangler.toml names no ADAPTER_PUBLIC_KEY.");
  });

  it("bundles the light Worker without ONNX Runtime", () => {
    const { modules } = upload("src/worker/light.ts");
    expect([...modules.keys()].filter((name) => name.endsWith(".wasm"))).toEqual(["encoder.wasm"]);
    expect(total(modules)).toBeLessThan(3 * 2 ** 20);
  });

  it("knows an environment beside the default", () => {
    expect(environments).toEqual(["workers-ai"]);
  });

  it.each(environments)("binds in the environment %s all that the default has", (name) => {
    const usual = bindings(dryRun(join(out, "default"), "--env", ""));
    const there = bindings(dryRun(join(out, name), "--env", name));
    expect(usual).toEqual(expect.arrayContaining(["ADAPTERS", "RATE_LIMIT", "KEYS", "LEDGER"]));
    // Offline: nothing of the default is remote.
    expect(usual).not.toContain("AI");
    expect(there).toEqual([...usual, "AI", "LLMS", "PLANS"].sort());
  });
});
