/** What would be uploaded: both entries bundle without an account, and the light one holds no ONNX Runtime. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { root } from "../../scripts/lib/localStack.ts";

const out = mkdtempSync(join(tmpdir(), "medadapter-deploy-"));
afterAll(() => rmSync(out, { recursive: true, force: true }));

/** Bytes of the modules that `wrangler deploy` would upload, by name without hash. */
function upload(entry: string): Map<string, number> {
  const folder = join(out, entry.replaceAll("/", "-"));
  execFileSync("wrangler", ["deploy", entry, "--dry-run", "--outdir", folder], {
    cwd: root,
    stdio: "pipe",
    env: { ...process.env, WRANGLER_SEND_METRICS: "false", CI: "1" },
  });
  const modules = readdirSync(folder).filter((name) => /\.(js|wasm)$/u.test(name));
  return new Map(
    modules.map((name) => [
      name.replace(/^[0-9a-f]{20,}-/u, ""),
      statSync(join(folder, name)).size,
    ]),
  );
}

const total = (modules: ReadonlyMap<string, number>) =>
  [...modules.values()].reduce((sum, bytes) => sum + bytes, 0);

describe("wrangler deploy --dry-run", () => {
  it("bundles the Worker, ONNX Runtime and our engine", () => {
    const modules = upload("src/worker/index.ts");
    expect(modules.has("ort-wasm-simd-threaded.wasm")).toBe(true);
    expect(modules.get("encoder.wasm")).toBeLessThan(100_000);
    // Cloudflare takes 64 MiB.
    expect(total(modules)).toBeLessThan(32 * 2 ** 20);
  });

  it("bundles the light Worker without ONNX Runtime", () => {
    const modules = upload("src/worker/light.ts");
    expect([...modules.keys()].filter((name) => name.endsWith(".wasm"))).toEqual(["encoder.wasm"]);
    expect(total(modules)).toBeLessThan(3 * 2 ** 20);
  });
});
