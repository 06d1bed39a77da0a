/** Every link between the repository's documents leads somewhere, to the heading too. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { describe, expect, test } from "vitest";
import { documentsIn, root } from "./documents.ts";

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
