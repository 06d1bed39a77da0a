/**
 * Which licences may come in. This project is Apache-2.0: what the Worker carries is handed on with it, so only
 * permissive ones there; tools and training packages are run, not handed on.
 */
import type { Dependency } from "./dependency.ts";

const permissive = [
  ..."MIT MIT-0 MIT-CMU Apache-2.0 BSD-2-Clause BSD-3-Clause BSD 0BSD ISC Zlib BSL-1.0 CC0-1.0 BlueOak-1.0.0".split(
    " ",
  ),
  ..."PSF-2.0 Python-2.0 CNRI-Python".split(" "),
];
/** Weak copyleft binds who changes or hands on the library itself: we do neither. */
const weakCopyleft = ["MPL-2.0", "LGPL-3.0-or-later"];

const inFile = {
  licence: "MIT",
  reason: "none in package.json; its LICENSE file is MIT's text",
} as const;

/** Packages whose metadata is missing or wrong, and what their own files say. */
export const exceptions: Readonly<Record<string, { licence: string; reason: string }>> = {
  "@llamaindex/cohere": inFile,
  "@llamaindex/core": inFile,
  "@llamaindex/env": inFile,
  "cohere-ai": inFile,
};

/** Whether the expression (SPDX: AND, OR, WITH, brackets) can be met with licences that are allowed for this use. */
export function isAllowed(licence: string, use: Dependency["use"]): boolean {
  const known = new Set(use === "worker" ? permissive : [...permissive, ...weakCopyleft]);
  const tokens = licence.match(/\(|\)|[^\s()]+/g) ?? [];
  let at = 0;
  const either = (): boolean => {
    let met = both();
    while (tokens[at] === "OR") {
      at += 1;
      met = both() || met;
    }
    return met;
  };
  const both = (): boolean => {
    let met = one();
    while (tokens[at] === "AND") {
      at += 1;
      met = one() && met;
    }
    return met;
  };
  const one = (): boolean => {
    const token = tokens[at];
    at += 1;
    if (token === "(") {
      const met = either();
      at += 1;
      return met;
    }
    // An exception (`WITH`) only grants more.
    if (tokens[at] === "WITH") at += 2;
    return token !== undefined && known.has(token);
  };
  const met = either();
  return met && at === tokens.length;
}
