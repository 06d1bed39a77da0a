/** The rules of .dependency-cruiser.mjs: each is broken once in a small tree, and dependency-cruiser says so. */
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import config from "../../.dependency-cruiser.mjs";

const root = join(import.meta.dirname, "..", "..");

/** Who imports whom, and the rule that forbids it. */
const forbidden: readonly (readonly [from: string, to: string, rule: string])[] = [
  ["src/adapter/a.ts", "src/adapter/b.ts", "no-circles"],
  ["src/adapter/c.ts", "scripts/s.ts", "src-imports-src-alone"],
  ["scripts/t.ts", "test/t.ts", "scripts-import-no-test"],
  ["src/net/dev.ts", "fast-check", "src-needs-no-development-package"],
  ["src/llm/hono.ts", "hono/factory", "only-the-worker-knows-hono-and-cloudflare"],
  ["src/adapter/cf.ts", "cloudflare:workers", "only-the-worker-knows-hono-and-cloudflare"],
  ["src/worker/app.ts", "src/pages/page.ts", "worker-imports-downwards"],
  ["src/llm/up.ts", "src/adapter/x.ts", "llm-and-adapter-import-downwards"],
  ["src/tasks/up.ts", "src/net/x.ts", "tasks-and-net-import-themselves-alone"],
  ["src/pages/value.ts", "src/tasks/x.ts", "pages-import-types-alone"],
  ["src/worker/http/up.ts", "src/worker/ledger/x.ts", "worker-http-imports-upwards"],
  ["src/worker/answer/up.ts", "src/worker/rerank/x.ts", "worker-answer-imports-upwards"],
  ["src/worker/rerank/side.ts", "src/worker/responses/x.ts", "worker-rerank-imports-sideways"],
  ["src/llm/optional.ts", "src/worker/batches/x.ts", "worker-batches-is-optional"],
  ["src/worker/ledger/up.ts", "src/worker/wiring.ts", "worker-folders-do-not-import-the-wiring"],
];

/** What may be imported: shown beside its forbidden counterpart. */
const allowed: readonly (readonly [from: string, to: string])[] = [
  ["src/worker/hono.ts", "hono/factory"],
  ["src/worker/answer/down.ts", "src/worker/ledger/x.ts"],
  ["src/worker/features.ts", "src/worker/batches/x.ts"],
  ["src/worker/batches/feature.ts", "src/worker/feature.ts"],
  ["src/adapter/down.ts", "src/tasks/x.ts"],
  ["scripts/src.ts", "src/worker/answer/down.ts"],
  ["src/pages/type.ts", "src/tasks/x.ts"],
];

/** Imports of types: the circle's way back, and what pages may import. */
const ofTypes = new Set(["src/adapter/b.ts", "src/pages/type.ts"]);

let folder: string;
/** `rule from -> to` for each violation. */
let violations: readonly string[];

/** A module that imports the other, and the other where there is none. */
function write(from: string, to: string): void {
  const local = to.endsWith(".ts");
  const path = local ? relative(dirname(from), to) : to;
  const specifier = local && !path.startsWith(".") ? `./${path}` : path;
  const kind = ofTypes.has(from) ? "import type" : "import";
  put(from, `${kind} * as other from "${specifier}";\nexport type Own = typeof other;\n`);
  if (local) put(to, "export const other = 1;\n");
}

function put(path: string, text: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text, { flag: "a" });
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "medadapter-imports-"));
  for (const file of [".dependency-cruiser.mjs", "package.json"]) {
    cpSync(join(root, file), join(folder, file));
  }
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  for (const [from, to] of [...forbidden, ...allowed]) write(from, to);
  write("src/adapter/b.ts", "src/adapter/a.ts");
  const printed = execFileSync("depcruise", ["src", "scripts", "test", "-T", "json"], {
    cwd: folder,
    encoding: "utf8",
    maxBuffer: 2 ** 26,
  });
  const { summary } = JSON.parse(printed) as {
    summary: { violations: { rule: { name: string }; from: string; to: string }[] };
  };
  violations = summary.violations.map(({ rule, from, to }) => `${rule.name} ${from} -> ${to}`);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("an import that is not allowed", () => {
  it.each(forbidden)("%s -> %s: %s", (from, to, rule) => {
    const end = to.endsWith(".ts") ? to : to.split("/")[0];
    const found = violations.filter((one) => one.startsWith(`${rule} ${from} -> `));
    expect(found.some((one) => one.split(" -> ")[1]?.includes(end ?? ""))).toBe(true);
  });
});

describe("an import that is allowed", () => {
  it.each(allowed)("%s -> %s", (from) => {
    expect(violations.filter((one) => one.includes(` ${from} -> `))).toEqual([]);
  });
});

it("is tried here for every rule", () => {
  // Of the rules that are made for one folder after another, one is tried.
  const kind = (rule: string) =>
    rule.replace(/^worker-.+-(imports-\w+wards|imports-sideways|is-opt)/u, "*-$1");
  const tried = new Set(forbidden.map(([, , rule]) => kind(rule)));
  expect(new Set(config.forbidden?.map(({ name = "" }) => kind(name)))).toEqual(tried);
});
