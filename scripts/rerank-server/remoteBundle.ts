/** The bundle to publish for a Worker that asks this server: the same manifest, an engine of kind `http`, no weights. */
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Manifest } from "../../src/adapter/manifest.ts";

/**
 * Writes it to `target`.
 * @param version what it is published as: bundles never change, so it needs one of its own
 */
export function writeRemoteBundle(bundle: string, target: string, version: string): Manifest {
  const manifest: Manifest = JSON.parse(readFileSync(join(bundle, "manifest.json"), "utf8"));
  const files = manifest.files.filter(({ role }) => role === "card");
  const remote: Manifest = { ...manifest, version, files, engine: { kind: "http" } };
  mkdirSync(target, { recursive: true });
  for (const { path } of files) cpSync(join(bundle, path), join(target, path));
  writeFileSync(join(target, "manifest.json"), `${JSON.stringify(remote, null, 1)}\n`);
  return remote;
}
