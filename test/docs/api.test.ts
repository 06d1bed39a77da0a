/** docs/api.md names every problem under its status, and every field of `/v1/answer`. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { AnswerRequest } from "../../src/worker/answer/schema.ts";
import { problemTable } from "../../src/worker/http/problemTable.ts";
import { root } from "./documents.ts";

const text = readFileSync(join(root, "docs", "api.md"), "utf8");

/** Rows of the table that begins with this head, by cell. */
function rowsOf(head: string): string[][] {
  const [, table = ""] = text.split(`${head}\n`);
  const lines = table.slice(0, table.search(/\n(?!\|)/u)).split("\n");
  return lines.slice(1).map((line) => line.split(" | ").map((cell) => cell.replace(/^\| /u, "")));
}

const named = (cell = "") => [...cell.matchAll(/`(\w+)`/gu)].map(([, name = ""]) => name);

test("the table of errors has every problem, under its status", () => {
  const known = new Set(Object.keys(problemTable));
  const told = rowsOf("| status | `code` |").flatMap(([status, codes]) =>
    named(codes).flatMap((code) => (known.has(code) ? [`${status} ${code}`] : [])),
  );
  const there = Object.entries(problemTable).map(([code, { status }]) => `${status} ${code}`);
  expect(told.toSorted()).toEqual(there.toSorted());
});

test("the table of fields has every field of /v1/answer", () => {
  const told = rowsOf("| field | meaning | default |").flatMap(([fields]) => named(fields));
  expect(told.toSorted()).toEqual(Object.keys(AnswerRequest.shape).toSorted());
});
