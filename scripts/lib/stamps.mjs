/**
 * What was set up here, and from what: each part is stamped with the hash of the files it was made from, so that a
 * second run costs nothing. Node built-ins only.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const stamps = join(root, "node_modules", ".medadapter");

const parts = {
  packages: ["package-lock.json", ".npmrc"],
  python: ["scripts/train/requirements.txt", "scripts/train/pyproject.toml"],
  clients: ["test/clients/requirements.txt", "scripts/train/requirements.txt"],
};

function hashOf(part) {
  const hash = createHash("sha256");
  for (const file of parts[part]) hash.update(readFileSync(join(root, file)));
  return hash.digest("hex");
}

/** @param {"packages" | "python" | "clients"} part whether it was set up from the files as they are now */
export function isSetUp(part) {
  const file = join(stamps, part);
  return existsSync(file) && readFileSync(file, "utf8") === hashOf(part);
}

/** @param {"packages" | "python" | "clients"} part it is set up */
export function stamp(part) {
  mkdirSync(stamps, { recursive: true });
  writeFileSync(join(stamps, part), hashOf(part));
}
