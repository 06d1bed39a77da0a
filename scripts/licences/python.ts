/** Python packages of the pinned requirements, by their installed metadata. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { z } from "zod";
import type { Dependency } from "./dependency.ts";

const reader = `
import importlib.metadata as m, json, sys
def row(name):
    try: meta = m.distribution(name).metadata
    except m.PackageNotFoundError: return [name, "", None, None, []]
    kinds = [c.split("::")[-1].strip() for c in meta.get_all("Classifier") or [] if c.startswith("License ::")]
    return [name, meta["Version"], meta.get("License-Expression"), meta.get("License"), kinds]
print(json.dumps([row(name) for name in sys.argv[1:]]))
`;
const rows = z.array(
  z.tuple([
    z.string(),
    z.string(),
    z.string().nullable(),
    z.string().nullable(),
    z.array(z.string()),
  ]),
);

/** Names from before SPDX expressions, in classifiers and in the free field. */
const names: readonly [RegExp, string][] = [
  [/^(the )?apache/i, "Apache-2.0"],
  [/^mit\b/i, "MIT"],
  [/^(3-clause bsd|bsd.?3)/i, "BSD-3-Clause"],
  [/^bsd-2/i, "BSD-2-Clause"],
  [/^bsd/i, "BSD"],
  [/^isc/i, "ISC"],
  [/^mozilla public license 2\.0/i, "MPL-2.0"],
  [/^python software foundation/i, "PSF-2.0"],
];
const SPDX = /^[A-Za-z0-9.+-]+( (AND|OR) [A-Za-z0-9.+-]+)*$/;

/**
 * @param python a Python in whose environment they are installed
 * @param requirements files with lines `name==version`
 */
export function pythonDependencies(python: string, requirements: readonly string[]): Dependency[] {
  const wanted = requirements.flatMap((file) =>
    readFileSync(file, "utf8")
      .split("\n")
      .map((line) => /^([A-Za-z0-9._-]+)==/.exec(line)?.[1])
      .filter((name) => name !== undefined),
  );
  const output = execFileSync(python, ["-c", reader, ...new Set(wanted)], { encoding: "utf8" });
  return rows.parse(JSON.parse(output)).map(([name, version, expression, field, classifiers]) => ({
    name,
    version,
    licence: expression ?? licenceOf(field ?? "", classifiers),
    use: "training",
  }));
}

/** Several classifiers mean a choice. */
export function licenceOf(field: string, classifiers: readonly string[]): string | null {
  const [line = ""] = field.trim().split("\n");
  const named = (text: string) => names.find(([pattern]) => pattern.test(text))?.[1] ?? text;
  const short = named(line.trim());
  if (SPDX.test(short)) return short;
  if (classifiers.length > 0) return [...new Set(classifiers.map(named))].join(" OR ");
  return line === "" ? null : line;
}
