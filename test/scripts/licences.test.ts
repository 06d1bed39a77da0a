/** Licences: which expressions are let in, and that those of all npm packages are. */
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { exceptions, isAllowed } from "../../scripts/licences/allowed.ts";
import { npmDependencies } from "../../scripts/licences/npm.ts";
import { licenceOf } from "../../scripts/licences/python.ts";

describe("a licence", () => {
  it.each([
    ["MIT", true, true],
    ["(MIT OR GPL-3.0-only)", true, true],
    ["MIT AND GPL-3.0-only", false, false],
    ["(MIT AND Zlib) OR GPL-3.0-only", true, true],
    ["Apache-2.0 WITH LLVM-exception AND MIT", true, true],
    ["MPL-2.0", false, true],
    ["Apache-2.0 AND LGPL-3.0-or-later", false, true],
    ["AGPL-3.0-only", false, false],
    ["UNLICENSED", false, false],
    ["SEE LICENSE IN FILE", false, false],
    ["none", false, false],
    ["", false, false],
    ["MIT MIT", false, false],
    ["(MIT", false, false],
  ])("%s: in the Worker %s, among tools %s", (licence, inWorker, inTools) => {
    expect(isAllowed(licence, "worker")).toBe(inWorker);
    expect(isAllowed(licence, "tools")).toBe(inTools);
    expect(isAllowed(licence, "training")).toBe(inTools);
  });

  it("of a Python package is found under its old names too", () => {
    expect(licenceOf("Apache 2.0", [])).toBe("Apache-2.0");
    expect(licenceOf("Dual License", ["BSD License", "Apache Software License"])).toBe(
      "BSD OR Apache-2.0",
    );
    expect(licenceOf("Copyright (c) someone\nall of its text", ["BSD License"])).toBe("BSD");
    expect(licenceOf("GPL", [])).toBe("GPL");
    expect(licenceOf("", [])).toBeNull();
  });
});

it("of every npm package in the lock file is allowed", () => {
  const all = npmDependencies(join(import.meta.dirname, "..", ".."));
  expect(all.filter(({ use }) => use === "worker").map(({ name }) => name)).toEqual(
    expect.arrayContaining(["hono", "eventsource-parser", "onnxruntime-web", "zod"]),
  );
  const refused = all.filter(
    ({ name, licence, use }) => !isAllowed(exceptions[name]?.licence ?? licence ?? "none", use),
  );
  expect(refused.map(({ name, licence }) => `${name}: ${licence}`)).toEqual([]);
});
