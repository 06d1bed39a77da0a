/** What JSON.parse would lose is refused by name, in one pass. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { lostMember, readJson } from "../../../src/worker/http/json.ts";

const fieldOf = (text: string) => lostMember(text)?.field ?? null;

describe("a member that would be lost", () => {
  it.each([
    ['{"question": "a", "question": "b"}', "question"],
    ['{"k": 1, "options": {"A": "x", "A": "y"}}', "options.*"],
    ['{"options": {"\\u0041": "x", "A": "y"}}', "options.*"],
    ['{"medadapter": {"k": 1, "k": 2}}', "medadapter.k"],
    ['[{"a": 1}, {"b": [{"c": 1, "c": 1}]}]', "[1].b[0].c"],
    ['{"some words of a caller": 1, "some words of a caller": 2}', "?"],
    ['{"metadata": {"name": "x", "name": "y"}}', "metadata.*"],
  ])("%s occurs twice", (text, field) => {
    expect(lostMember(text)).toEqual({ field, reason: "must not occur twice" });
  });

  it.each([
    '{"options": {"__proto__": "x", "B": "y"}}',
    '{"__proto__": {}}',
    '{"\\u005f_proto__": {}}',
    '{"documents": [{"__proto__": "x"}]}',
  ])("%s is named __proto__", (text) => {
    expect(lostMember(text)?.reason).toBe("must not be named __proto__");
  });

  it.each(['{"options": {"2": "b", "1": "a"}}', '{"options": {"A": "b", "1": "a"}}'])(
    "%s would change its place",
    (text) => {
      expect(lostMember(text)?.field).toBe("options.*");
    },
  );
});

describe("everything else passes", () => {
  it.each([
    '{"a": {"x": 1}, "b": {"x": 1}}',
    '{"a": "a\\"a", "b": "\\\\", "c": "{\\"a\\": 1, \\"a\\": 2}"}',
    '{"options": {"1": "a", "2": "b", "10": "c", "A": "d"}}',
    '{"options": {"2": "b", "01": "a", "1.0": "c", "99999999999": "d"}}',
    '{"scores": {"2": "b", "1": "a"}}',
    '[{"options": [{"label": "2", "text": "b"}, {"label": "1", "text": "a"}]}]',
    '"a"',
    "",
    "{",
    ']]]}}}{"a":',
    '{"a',
  ])("%s", (text) => {
    expect(lostMember(text)).toBeNull();
  });

  it("any value that JavaScript wrote: no member of it occurs twice", () => {
    const safe = fc
      .jsonValue({ maxDepth: 6 })
      .filter((value) => !JSON.stringify(value).includes("__proto__"));
    fc.assert(
      fc.property(safe, (value) => {
        expect(lostMember(JSON.stringify({ value }))).toBeNull();
      }),
      { numRuns: 2_000, seed: 1 },
    );
  });

  it("a member said twice is found wherever it stands", () => {
    const member = fc.string({ unit: "binary" }).filter((name) => name !== "__proto__");
    fc.assert(
      fc.property(member, fc.jsonValue(), fc.jsonValue(), (name, one, other) => {
        if (JSON.stringify([one, other]).includes("__proto__")) return;
        const key = JSON.stringify(name);
        const twice = `[{${key}:${JSON.stringify(one)},${key}:${JSON.stringify(other)}}]`;
        expect(lostMember(twice)?.reason).toBe("must not occur twice");
      }),
      { numRuns: 1_000, seed: 1 },
    );
  });
});

describe("what it costs", () => {
  it("levels are bounded, however deep a body is", () => {
    const deep = "[".repeat(1024 * 1024);
    expect(lostMember(deep)?.reason).toContain("nested deeper");
    expect(fieldOf(`${"[".repeat(64)}${"]".repeat(64)}`)).toBeNull();
  });
});

it("reading throws what a caller may know", () => {
  expect(readJson('{"a": [1, null]}')).toEqual({ a: [1, null] });
  expect(() => readJson("{")).toThrow("malformed_json");
  expect(() => readJson('{"a": 1, "a": 2}')).toThrow("invalid_request");
});
