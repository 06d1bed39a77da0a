/** Which adapter ranks whose candidates. */
import { describe, expect, it } from "vitest";
import { adapterNames, adapterOf, readModelAdapters } from "../../../src/worker/adapters/config.ts";

const read = (text: string | undefined) => {
  const faults: string[] = [];
  const modelAdapters = readModelAdapters(text, ["a", "b"], faults);
  return { faults, config: { adapter: "mini", modelAdapters } };
};

describe("an LLM's adapter", () => {
  it("is the default, or its own", () => {
    const { faults, config } = read('{"b": "other"}');
    expect(faults).toEqual([]);
    expect(adapterOf("a", config)).toBe("mini");
    expect(adapterOf("b", config)).toBe("other");
    expect(adapterNames(config)).toEqual(["mini", "other"]);
  });

  it("is the default for all where nothing else is said", () => {
    for (const text of [undefined, "", " "]) {
      const { faults, config } = read(text);
      expect(faults).toEqual([]);
      expect(adapterNames(config)).toEqual(["mini"]);
    }
    expect(adapterNames(read('{"a": "mini"}').config)).toEqual(["mini"]);
  });

  it("is a fault of the configuration where it cannot be read", () => {
    for (const text of ["{", "[]", "null", '{"a": "No Name"}', '{"a": 7.5}', '{"a": {}}']) {
      expect(read(text).faults).toHaveLength(1);
    }
    expect(read('{"c": "mini"}').faults).toEqual([
      "MODEL_ADAPTERS must name models of LLM_MODEL, LLMS or PLANS only",
    ]);
  });
});
