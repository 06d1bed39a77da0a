/** Every link between the repository's documents leads somewhere, to the heading too. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { describe, expect, test } from "vitest";

const root = join(import.meta.dirname, "..", "..");
const skipped = new Set(["node_modules", "dist"]);

/** Paths of all documents below a folder, from the root. */
function documentsIn(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isFile()) return entry.name.endsWith(".md") ? [path] : [];
    const hidden = entry.name.startsWith(".") || skipped.has(entry.name);
    return entry.isDirectory() && !hidden ? documentsIn(path) : [];
  });
}

const documents = documentsIn("");

/** As GitHub names a heading: lower case, without punctuation, spaces to hyphens. */
function anchors(file: string): Set<string> {
  const text = readFileSync(file, "utf8").replace(/^```.*?^```/gmsu, "");
  const headings = [...text.matchAll(/^#+ +(.+)$/gmu)].map(([, heading = ""]) => heading);
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, "")
        .replaceAll(" ", "-"),
    ),
  );
}

function broken(document: string): string[] {
  const file = join(root, document);
  const text = readFileSync(file, "utf8").replace(/^```.*?^```/gmsu, "");
  const links = [...text.matchAll(/\]\(([^)\s]+)\)/gu)].map(([, link = ""]) => link);
  return links.filter((link) => {
    if (/^[a-z]+:/u.test(link)) return false;
    const [path = "", anchor] = link.split("#");
    const target = path === "" ? file : join(dirname(file), path);
    if (!existsSync(target)) return true;
    return anchor !== undefined && target.endsWith(".md") && !anchors(target).has(anchor);
  });
}

describe("links", () => {
  test("there are documents", () => {
    expect(documents).toContain("README.md");
  });

  test.each(documents)("%s", (document) => {
    expect(broken(document).map((link) => `${relative(root, document)}: ${link}`)).toEqual([]);
  });
});
