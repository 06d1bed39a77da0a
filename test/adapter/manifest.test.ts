/** A manifest is understood whole or refused with the name of the field. */
import { describe, expect, test } from "vitest";
import { parseManifest } from "../../src/adapter/manifest.ts";
import { sampleManifest } from "./sampleManifest.ts";

function parse(change: (json: Record<string, unknown>) => void = () => {}) {
  const json: Record<string, unknown> = structuredClone(sampleManifest);
  change(json);
  return parseManifest(new TextEncoder().encode(JSON.stringify(json)));
}

const malformed = (field: string) => ({
  ok: false,
  failure: { kind: "manifest_malformed", field },
});
const unsupported = (field: string) => ({
  ok: false,
  failure: { kind: "base_unsupported", field },
});

describe("a manifest", () => {
  test("that is whole is read as it is", () => {
    expect(parse()).toEqual({ ok: true, value: sampleManifest });
  });

  test.each(Object.keys(sampleManifest).filter((key) => key !== "schema"))(
    "without %s is refused by that name",
    (key) => {
      expect(parse((json) => delete json[key])).toEqual(malformed(key));
    },
  );

  test("with a field that this version does not know is refused", () => {
    expect(parse((json) => Object.assign(json, { more: 1 })).ok).toBe(false);
    expect(parse((json) => Object.assign(json.base as object, { more: 1 }))).toEqual(
      malformed("base"),
    );
  });

  test.each([2, 99, 0, "1", null, [1]])(
    "of schema %j is refused, whatever else it holds",
    (schema) => {
      const failure = {
        kind: "schema_unknown",
        schema: typeof schema === "number" ? schema : null,
      };
      expect(parse((json) => Object.assign(json, { schema }))).toEqual({ ok: false, failure });
      const bare = new TextEncoder().encode(JSON.stringify({ schema, entirely: "other" }));
      expect(parseManifest(bare)).toEqual({ ok: false, failure });
    },
  );

  test.each(["", "{", "null", "[]", "7", '"text"', "\u0000"])("that is %j is refused", (text) => {
    const result = parseManifest(new TextEncoder().encode(text));
    expect(result).toMatchObject({ ok: false, failure: { kind: "manifest_malformed" } });
  });

  test("that is not UTF-8 is refused", () => {
    expect(parseManifest(Uint8Array.of(0x7b, 0xff, 0x7d))).toEqual(malformed(""));
  });

  test.each<[string, string, (json: typeof sampleManifest) => void]>([
    ["files.0.path", "a path that leads out of the bundle", (m) => setPath(m, "../adapter.ort")],
    ["files.0.path", "a path in a folder", (m) => setPath(m, "a/b")],
    ["files.0.sha256", "a short hash", (m) => Object.assign(m.files[0] ?? {}, { sha256: "ab" })],
    ["files.0.bytes", "a size below one", (m) => Object.assign(m.files[0] ?? {}, { bytes: 0 })],
    ["files", "the same file twice", (m) => setPath(m, "tokenizer.json")],
    ["files", "no files", (m) => set(m, { files: [] })],
    ["files", "no model", (m) => Object.assign(m.files[0] ?? {}, { role: "card" })],
    ["files.0.role", "an unknown role", (m) => Object.assign(m.files[0] ?? {}, { role: "exe" })],
    ["budget.maxTokens", "budgets over the whole", (m) => set(m.budget, { candidateTokens: 129 })],
    ["budget.maxTokens", "more than the positions", (m) => set(m.base, { maxPositions: 511 })],
    ["budget.answerTokens", "no room for text", (m) => set(m.budget, { answerTokens: 126 })],
    ["base.heads", "heads that do not divide", (m) => set(m.base, { heads: 7 })],
    ["base.layers", "a fraction of a layer", (m) => set(m.base, { layers: 1.5 })],
    ["pooling", "another pooling", (m) => set(m, { pooling: "mean" })],
    ["selfTest.vectors", "nothing to prove itself by", (m) => set(m.selfTest, { vectors: [] })],
    [
      "selector.groups.0.weights",
      "weights that do not fit the features",
      (m) => set(m, { selector: selector(["vote_share"], [1, 2]) }),
    ],
  ])("is malformed at %s: %s", (field, _, change) => {
    expect(parse((json) => change(json as unknown as typeof sampleManifest))).toEqual(
      malformed(field),
    );
  });

  test.each<[string, (json: typeof sampleManifest) => void]>([
    ["base.architecture", (m) => set(m.base, { architecture: "roberta" })],
    ["attention", (m) => set(m, { attention: "cross" })],
    ["template.id", (m) => set(m.template, { id: "medadapter-2" })],
    ["selector.features", (m) => set(m, { selector: selector(["moon_phase"], [1]) })],
  ])("describes what cannot be run at %s", (field, change) => {
    expect(parse((json) => change(json as unknown as typeof sampleManifest))).toEqual(
      unsupported(field),
    );
  });
});

describe("a manifest that names an engine elsewhere", () => {
  const http = { kind: "http" };
  const bge = { kind: "workers-ai", model: "@cf/baai/bge-reranker-base", scores: "logits" };
  const crossed = { attention: "cross", template: { id: "medadapter-pair-1", noAnswer: "none" } };

  test.each<[string, object]>([
    ["our own server", { engine: http, files: [] }],
    ["a model by its name", { engine: { ...http, model: "big" }, files: [] }],
    ["a cross-encoder", { engine: http, files: [], ...crossed }],
    ["Workers AI", { engine: bge, files: [], ...crossed }],
  ])("needs no files: %s", (_, fields) => {
    const whole = parse((json) => Object.assign(json, fields));
    expect(whole).toEqual({ ok: true, value: { ...sampleManifest, ...fields } });
  });

  test("may be of any architecture", () => {
    const base = { ...sampleManifest.base, architecture: "longformer" };
    const fields = { engine: http, files: [], base, ...crossed };
    expect(parse((json) => Object.assign(json, fields)).ok).toBe(true);
  });

  test.each<[string, unknown]>([
    ["engine.kind", { kind: "ssh" }],
    ["engine", { ...http, url: "https://elsewhere.example/rerank" }],
    ["engine.model", { ...http, model: "" }],
    ["engine.model", { ...bge, model: "https://elsewhere.example" }],
    ["engine.scores", { kind: "workers-ai", model: bge.model }],
    ["engine", null],
  ])("is malformed at %s: %j", (field, engine) => {
    expect(parse((json) => Object.assign(json, { engine, files: [] }))).toEqual(malformed(field));
  });

  test.each<[string, object]>([
    ["attention", { engine: bge }],
    ["template.id", { engine: http, attention: "cross" }],
    ["template.id", { engine: http, template: crossed.template }],
  ])("describes what no engine has, at %s", (field, fields) => {
    expect(parse((json) => Object.assign(json, fields))).toEqual(unsupported(field));
  });
});

function set(target: object, values: object): void {
  Object.assign(target, values);
}

function setPath(manifest: typeof sampleManifest, path: string): void {
  Object.assign(manifest.files[0] ?? {}, { path });
}

function selector(features: string[], weights: number[]) {
  const group = {
    context: true,
    labels: "closed",
    weights,
    bias: 0,
    priors: {},
    confidence: { a: 1, b: 0 },
  };
  return { features, groups: [group] };
}
