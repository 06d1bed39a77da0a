/**
 * What is written down has no place for text, by its types: `tsc` fails where a record gets a member that is a plain
 * string, and the one test here fails where something is written past those types.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, expectTypeOf, test } from "vitest";
import type { Observe } from "../../../src/worker/http/log.ts";
import { writeLog } from "../../../src/worker/http/log.ts";
import type { EventPoints, OpenSpan, StartSpan } from "../../../src/worker/http/metrics.ts";
import { newRequestId } from "../../../src/worker/http/request.ts";

type LogRecord = Parameters<typeof writeLog>[0];

/** The values in a type, however deep. Unions are taken one by one. */
type Leaves<T> = T extends string | number | boolean | null | undefined
  ? T
  : T extends readonly (infer Item)[]
    ? Leaves<Item>
    : { [Key in keyof T]: Leaves<T[Key]> }[keyof T];
/** The keys in a type, however deep. */
type Keys<T> = T extends string | number | boolean | null | undefined
  ? never
  : T extends readonly (infer Item)[]
    ? Keys<Item>
    : keyof T | { [Key in keyof T]: Keys<T[Key]> }[keyof T];
/** Of a union those that any text fits: `string` does, literals and branded strings do not. */
type Plain<T> = T extends unknown ? (string extends T ? T : never) : never;

test("a log record has no member, and no key, that any text would fit", () => {
  expectTypeOf<Plain<Leaves<LogRecord>>>().toEqualTypeOf<never>();
  expectTypeOf<Plain<Keys<LogRecord>>>().toEqualTypeOf<never>();
  // That the search would find them:
  type Leaking = LogRecord | { readonly event: "x"; readonly deep: readonly { note: string }[] };
  expectTypeOf<Plain<Leaves<Leaking>>>().toEqualTypeOf<string>();
  expectTypeOf<Plain<Keys<LogRecord | Record<string, number>>>>().toEqualTypeOf<string>();

  const line = { event: "line", id: newRequestId(), status: 200, ms: 1 } as const;
  const text: string = "what a patient wrote";
  const written = [
    // @ts-expect-error: no member of this name
    () => writeLog({ ...line, question: text }),
    // @ts-expect-error: an id is made by us
    () => writeLog({ ...line, id: text }),
    // @ts-expect-error: problems are named
    () => writeLog({ ...line, problem: text }),
    // @ts-expect-error: figures are numbers
    () => writeLog({ ...line, failed: { timeout: text } }),
    // @ts-expect-error: faults are named
    () => writeLog({ event: "adapter", fault: text }),
    // @ts-expect-error: frames come out of framesOf
    () => writeLog({ event: "bug", id: line.id, frames: [text] }),
  ];
  expect(written).toHaveLength(6); // never called
});

test("a data point is made of a log record, and a span holds figures alone", () => {
  expectTypeOf<Parameters<Observe>[0]>().toEqualTypeOf<LogRecord>();
  type Event = LogRecord["event"];
  expectTypeOf<keyof EventPoints>().toEqualTypeOf<Event>();
  type Counted = {
    [Name in Event]: { readonly event: Name } & Parameters<EventPoints[Name]>[0];
  }[Event];
  expectTypeOf<Counted>().toEqualTypeOf<LogRecord>();
  expectTypeOf<Plain<Leaves<Parameters<OpenSpan["end"]>[0]>>>().toEqualTypeOf<never>();
  expectTypeOf<Plain<Parameters<StartSpan>[0]>>().toEqualTypeOf<never>();
});

test("nothing else in the Worker writes logs, metrics or traces", () => {
  const source = join(import.meta.dirname, "..", "..", "..", "src");
  const files = readdirSync(source, { recursive: true, encoding: "utf8" }).filter(
    (path) => path.endsWith(".ts") && !path.startsWith("pages"),
  );
  expect(files.length).toBeGreaterThan(100);
  const writes = /\bconsole\.|\bwriteDataPoint\b|\btracing\b|\benterSpan\b|\bsetAttribute\b/;
  const writing = files.filter((path) => writes.test(readFileSync(join(source, path), "utf8")));
  const allowed = ["http/log.ts", "http/metrics.ts", "makeParts.ts"];
  expect(writing.toSorted()).toEqual(allowed.map((file) => join("worker", file)));
});
