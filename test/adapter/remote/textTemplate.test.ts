/** Texts for a remote engine: our own server's ids are the template's; a cross-encoder gets the lines it was trained on. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { PairScorer } from "../../../scripts/rerank-server/pairScorer.ts";
import type { Engine } from "../../../src/adapter/engine.ts";
import { candidateText, PART_SEPARATOR, questionText } from "../../../src/adapter/template.ts";
import type { Option, Question } from "../../../src/tasks/question.ts";
import { fixturePath } from "../paths.node.ts";
import { realTokenizer } from "../realTokenizer.ts";
import { sampleManifest } from "../sampleManifest.ts";

interface Golden extends Question {
  readonly name: string;
  readonly options: Option[];
  readonly answer: string | null;
  readonly text: string;
  /** Without ids where the question is refused. */
  readonly prefix: { readonly ids?: readonly number[] };
  readonly candidate: { readonly ids: readonly number[] };
}

const golden = readFileSync(join(fixturePath, "template.golden.jsonl"), "utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line) as Golden);
const tokenizer = await realTokenizer();

/** What the server's engine is given for a pair. */
async function idsOf(query: string, text: string) {
  const given: (readonly number[])[] = [];
  const engine: Engine = {
    encodePrefix: async ({ ids }) => {
      given.push(ids);
      return { tokens: ids.length, bytes: 0, release: () => {} };
    },
    score: async (_, { ids }) => {
      given.push(ids);
      return 0;
    },
    heapBytes: () => 0,
    close: async () => {},
  };
  const scorer = new PairScorer({ manifest: sampleManifest, tokenizer, engine });
  const scores = await scorer.score(query, [text]);
  return scores.ok ? { given, tokens: scores.value.tokens } : null;
}

function rendered(manifest: typeof sampleManifest, one: Golden) {
  const query = questionText(manifest, one);
  if (!query.ok) return null;
  const answer = one.options.find(({ label }) => label === one.answer) ?? null;
  const hasOptions = one.options.length > 0;
  return { query: query.value, candidate: candidateText(manifest, hasOptions, { ...one, answer }) };
}

describe("template medadapter-1", () => {
  test.each(golden.map((one) => [one.name, one] as const))(
    "gives our server the very ids of the token template: %s",
    async (_, one) => {
      const pair = rendered(sampleManifest, one);
      if (pair === null) throw new Error("refused");
      const ids = await idsOf(pair.query.text, pair.candidate.text);
      if (one.prefix.ids === undefined) return expect(ids).toBeNull();
      expect(ids?.given).toEqual([one.prefix.ids, one.candidate.ids]);
      expect(ids?.tokens).toBe(one.prefix.ids.length + one.candidate.ids.length);
    },
  );

  test("cannot be broken by a seam in what people write", () => {
    const [one] = golden;
    if (one === undefined) throw new Error("no golden questions");
    const evil = {
      ...one,
      question: `a${PART_SEPARATOR}b`,
      context: `c${PART_SEPARATOR}d`,
      text: `e${PART_SEPARATOR}f`,
    };
    const pair = rendered(sampleManifest, evil);
    expect(pair?.query.text.split(PART_SEPARATOR)).toHaveLength(2);
    expect(pair?.candidate.text.split(PART_SEPARATOR)).toHaveLength(2);
  });
});

describe("template medadapter-pair-1", () => {
  const crossed = { ...sampleManifest, template: { id: "medadapter-pair-1", noAnswer: "none" } };
  const options = [
    { label: "A", text: "aspirin" },
    { label: "B", text: "heparin" },
  ];
  const question = { question: "Which?", options, context: "A trial." };

  test("is one part a line, as the cross-encoder's training has it", () => {
    expect(questionText(crossed, question)).toMatchObject({
      value: { text: "Which?\nA. aspirin\nB. heparin\nA trial." },
    });
    expect(questionText(crossed, { ...question, context: null })).toMatchObject({
      value: { text: "Which?\nA. aspirin\nB. heparin" },
    });
    const text = " Since. ";
    expect(candidateText(crossed, true, { answer: options[1] ?? null, text }).text).toBe(
      "B. heparin\nSince.",
    );
    expect(candidateText(crossed, true, { answer: null, text }).text).toBe("none\nSince.");
    expect(candidateText(crossed, false, { answer: null, text }).text).toBe("Since.");
  });
});

describe("characters", () => {
  test("beyond all bounds are cut in the middle of context and candidate, and that is told", () => {
    const { prefixTokens, candidateTokens } = sampleManifest.budget;
    const context = `first ${"word ".repeat(20_000)} last`;
    const query = questionText(sampleManifest, { question: "q?", options: [], context });
    if (!query.ok) throw new Error("refused");
    expect(query.value.truncated).toBe(true);
    expect(query.value.text.length).toBeLessThan(prefixTokens * 16 + 8);
    expect(query.value.text).toMatch(/first word.*word {1,2}last$/su);
    const candidate = { answer: null, text: "\u{1F600}".repeat(20_000) };
    const rendered = candidateText(sampleManifest, false, candidate);
    expect(rendered.truncated).toBe(true);
    expect(rendered.text.length).toBeLessThan(candidateTokens * 16 + 8);
    expect(rendered.text.isWellFormed()).toBe(true);
  });
});
