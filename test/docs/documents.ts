/** The repository's documents: every Markdown file but those of packages and builds. */
import { readdirSync } from "node:fs";
import { join } from "node:path";

export const root = join(import.meta.dirname, "..", "..");
const skipped = new Set(["node_modules", "dist"]);

/** Paths of all documents below a folder, from the root. */
export function documentsIn(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isFile()) return entry.name.endsWith(".md") ? [path] : [];
    const hidden = entry.name.startsWith(".") || skipped.has(entry.name);
    return entry.isDirectory() && !hidden ? documentsIn(path) : [];
  });
}
