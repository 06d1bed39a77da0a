/** Text template and truncation with the real tokenizer: no budget is exceeded, no question cut, no text is structure. */
import fc from "fast-check";
import { expect } from "vitest";
import {
  candidateText,
  encodeCandidate,
  encodeQuestion,
  questionText,
} from "../../src/adapter/template.ts";
import { renderOption } from "../../src/tasks/question.ts";
import { realTokenizer } from "../adapter/realTokenizer.ts";
import { sampleManifest } from "../adapter/sampleManifest.ts";
import { fuzz } from "./fuzz.ts";
import { anyOptions, anyText } from "./texts.ts";

const tokenizer = await realTokenizer();
const VOCABULARY = 30_522;

const anyBudget = fc
  .record({
    prefixTokens: fc.integer({ min: 2, max: 384 }),
    answerTokens: fc.integer({ min: 1, max: 48 }),
    more: fc.integer({ min: 3, max: 80 }),
  })
  .map(({ prefixTokens, answerTokens, more }) => {
    const candidateTokens = answerTokens + more;
    const maxTokens = prefixTokens + candidateTokens;
    return { prefixTokens, answerTokens, candidateTokens, maxTokens };
  });
/** Longer than most budgets. */
const longText = fc.tuple(anyText, fc.integer({ min: 1, max: 12 })).map(([t, n]) => t.repeat(n));
const anyQuestion = fc.record({
  question: anyText,
  options: anyOptions,
  context: fc.option(longText, { nil: null }),
});

const seps = (ids: readonly number[]) => ids.filter((id) => id === tokenizer.sep).length;
const classes = (ids: readonly number[]) => ids.filter((id) => id === tokenizer.cls).length;

fuzz(
  "a question within its budget stands whole, one over it is refused",
  0.04,
  fc.record({ budget: anyBudget, question: anyQuestion }),
  ({ budget, question }) => {
    const options = question.options.map(renderOption).join("\n");
    const head = [...tokenizer.encode(question.question), ...tokenizer.encode(options)];
    const encoded = encodeQuestion(tokenizer, budget, question);
    expect(encoded.ok).toBe(head.length + 2 <= budget.prefixTokens);
    if (!encoded.ok) return;
    const { ids } = encoded.value;
    expect(ids.length).toBeLessThanOrEqual(budget.prefixTokens);
    expect(ids.slice(0, head.length + 2)).toEqual([tokenizer.cls, ...head, tokenizer.sep]);
    expect(ids.at(-1)).toBe(tokenizer.sep);
    expect(classes(ids)).toBe(1);
    expect(seps(ids)).toBeLessThanOrEqual(2);
    for (const id of ids) expect(id >= 0 && id < VOCABULARY).toBe(true);
  },
);

fuzz(
  "a candidate keeps within its budget, and its text cannot end its part",
  0.04,
  fc.record({
    budget: anyBudget,
    hasOptions: fc.boolean(),
    answer: fc.option(fc.record({ label: anyText, text: longText }), { nil: null }),
    text: longText,
  }),
  ({ budget, hasOptions, answer, text }) => {
    const { ids, truncated } = encodeCandidate(tokenizer, budget, "none", hasOptions, {
      answer,
      text,
    });
    expect(ids.length).toBeLessThanOrEqual(budget.candidateTokens);
    const whole = [!hasOptions ? "" : answer === null ? "none" : renderOption(answer), text];
    const needed = whole.reduce((sum, part) => sum + tokenizer.encode(part).length, 3);
    expect(ids.length < needed).toBe(truncated);
    expect(classes(ids)).toBe(1);
    expect(seps(ids)).toBe(2);
    expect(ids.at(-1)).toBe(tokenizer.sep);
  },
);

fuzz(
  "texts for an engine elsewhere have no lone surrogate, and no seam but ours",
  0.04,
  fc.record({
    budget: anyBudget,
    question: anyQuestion,
    text: longText,
    pair: fc.boolean(),
  }),
  ({ budget, question, text, pair }) => {
    const template = { id: pair ? "medadapter-pair-1" : "medadapter-1", noAnswer: "none" };
    const described = { ...sampleManifest, template, budget };
    const first = questionText(described, question);
    const answer = question.options[0] ?? null;
    const second = candidateText(described, question.options.length > 0, { answer, text });
    for (const rendered of first.ok ? [first.value.text, second.text] : [second.text]) {
      expect(rendered.isWellFormed()).toBe(true);
      expect(rendered.split("\u001e").length - 1).toBeLessThanOrEqual(pair ? 0 : 1);
    }
  },
);
