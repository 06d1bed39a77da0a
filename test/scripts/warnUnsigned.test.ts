/** Deploying without a public key is warned of, and nothing else is. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { configPath } from "../../scripts/lib/localStack.ts";
import { unsignedWarning } from "../../scripts/lib/warnUnsigned.mjs";

const folder = mkdtempSync(join(tmpdir(), "medadapter-unsigned-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** wrangler.toml with a line more. */
function configWith(line: string): string {
  const path = join(folder, "wrangler.toml");
  writeFileSync(path, `${readFileSync(configPath, "utf8")}\n${line}\n`);
  return path;
}

describe("deploying", () => {
  it.each(["deploy", "versions upload"])("(%s) without a public key is warned of", (command) => {
    expect(unsignedWarning(command, configPath)).toContain("ADAPTER_PUBLIC_KEY");
    expect(unsignedWarning(command, configWith('# ADAPTER_PUBLIC_KEY = "AAA="'))).not.toBeNull();
    expect(unsignedWarning(command, configWith('ADAPTER_PUBLIC_KEY = ""'))).not.toBeNull();
  });

  it("with one is not", () => {
    expect(unsignedWarning("deploy", configWith('ADAPTER_PUBLIC_KEY = "AAA="'))).toBeNull();
  });

  it.each(["dev", undefined])("is not what is done (%s): no warning", (command) => {
    expect(unsignedWarning(command, configPath)).toBeNull();
  });
});
