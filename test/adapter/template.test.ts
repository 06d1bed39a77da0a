/** What is cut, what never is, and what is refused. */
import { beforeAll, describe, expect, test } from "vitest";
import { encodeCandidate, encodeQuestion } from "../../src/adapter/template.ts";
import type { TextTokenizer } from "../../src/adapter/tokenizer.ts";
import { type Question, renderOption } from "../../src/tasks/question.ts";
import { realTokenizer } from "./realTokenizer.ts";

const budget = { maxTokens: 512, prefixTokens: 384, candidateTokens: 128, answerTokens: 48 };
const options = [
  { label: "A", text: "aspirin" },
  { label: "B", text: "heparin" },
];
const yesNo = ["yes", "no"].map((label) => ({ label, text: label }));
let tokenizer: TextTokenizer;

beforeAll(async () => {
  tokenizer = await realTokenizer();
});

/** n words of one token each: their ids are w(0), w(1), ... in turn. */
const words = ["heart", "blood", "brain", "liver", "bone"];
const text = (n: number) => Array.from({ length: n }, (_, i) => words[i % words.length]).join(" ");

function question(change: Partial<Question> = {}): Question {
  return { question: "heart blood", options: yesNo, context: null, ...change };
}

function prefixOf(asked: Question) {
  const result = encodeQuestion(tokenizer, budget, asked);
  if (!result.ok) throw new Error(result.failure.kind);
  return result.value;
}

const candidateOf = (answer: string | null, body: string, given = options) =>
  encodeCandidate(tokenizer, budget, "none", given.length > 0, {
    answer: given.find((option) => option.label === answer) ?? null,
    text: body,
  });

describe("options", () => {
  test.each([
    ["A", "aspirin", "A. aspirin"],
    ["yes", "Yes", "Yes"],
    ["A", "a", "a"],
    ["1", "one", "1. one"],
  ])("%s / %s is shown as %s", (label, body, shown) => {
    expect(renderOption({ label, text: body })).toBe(shown);
  });
});

describe("a prefix", () => {
  test("is question, options, and context after a separator", () => {
    const { cls, sep } = tokenizer;
    const head = [...tokenizer.encode("heart blood"), ...tokenizer.encode("yes\nno")];
    expect(prefixOf(question())).toEqual({ ids: [cls, ...head, sep], truncated: false });
    const context = tokenizer.encode("liver");
    expect(prefixOf(question({ context: "liver" }))).toEqual({
      ids: [cls, ...head, sep, ...context, sep],
      truncated: false,
    });
  });

  test.each(["", "  \n", "\u200b"])("leaves no trace of the blank context %j", (context) => {
    expect(prefixOf(question({ context }))).toEqual(prefixOf(question()));
  });

  test("cuts the middle of a context that is too long, and says so", () => {
    const head = prefixOf(question()).ids;
    const room = budget.prefixTokens - head.length - 1;
    expect(prefixOf(question({ context: text(room) })).truncated).toBe(false);
    const context = tokenizer.encode(text(1000));
    const { ids, truncated } = prefixOf(question({ context: text(1000) }));
    const first = Math.ceil(room / 2);
    const last = Math.floor(room / 2);
    expect(truncated).toBe(true);
    expect(ids).toEqual([
      ...head,
      ...context.slice(0, first),
      ...context.slice(1000 - last),
      tokenizer.sep,
    ]);
    expect(ids).toHaveLength(budget.prefixTokens);
  });

  test("never cuts question and options: over budget they are refused", () => {
    // [CLS] and [SEP] and two options of one token leave 380.
    const fits = question({ question: text(380), context: "liver" });
    expect(prefixOf(fits).ids).toHaveLength(384);
    expect(prefixOf(fits).truncated).toBe(true);
    const result = encodeQuestion(tokenizer, budget, question({ question: text(381) }));
    const failure = { kind: "question_too_long", tokens: 385, limit: 384 };
    expect(result).toEqual({ ok: false, failure });
  });

  test("cuts the middle of the question where the caller allows it, never the options", () => {
    const cut = (asked: Question) => encodeQuestion(tokenizer, budget, asked, true);
    const long = cut(question({ question: text(1_000), context: "liver" }));
    if (!long.ok) throw new Error(long.failure.kind);
    const asked = tokenizer.encode(text(1_000));
    expect(long.value).toEqual({
      ids: [
        tokenizer.cls,
        ...asked.slice(0, 190),
        ...asked.slice(1_000 - 190),
        ...tokenizer.encode("yes\nno"),
        tokenizer.sep,
      ],
      truncated: true,
    });
    const short = question({ question: text(380) });
    expect(cut(short)).toEqual(encodeQuestion(tokenizer, budget, short));
    const many = Array.from({ length: 32 }, (_, at) => ({ label: `L${at}`, text: text(40) }));
    expect(cut(question({ options: many }))).toMatchObject({
      ok: false,
      failure: { kind: "question_too_long" },
    });
  });

  test("one token short of a context drops it with its separator", () => {
    expect(prefixOf(question({ question: text(379), context: "liver" })).ids).toHaveLength(383);
    const room2 = prefixOf(question({ question: text(378), context: "liver" }));
    expect(room2).toMatchObject({ truncated: false });
    expect(room2.ids).toHaveLength(384);
  });
});

describe("a candidate", () => {
  test("is its answer, then its text", () => {
    const { cls, sep } = tokenizer;
    const ids = (answer: string) => [
      cls,
      ...tokenizer.encode(answer),
      sep,
      ...tokenizer.encode("liver"),
      sep,
    ];
    expect(candidateOf("B", "  liver\n").ids).toEqual(ids("B. heparin"));
    expect(candidateOf("no", "liver", yesNo).ids).toEqual(ids("no"));
    expect(candidateOf(null, "liver").ids).toEqual(ids("none"));
    expect(candidateOf(null, "liver", []).ids).toEqual(ids(""));
  });

  test("keeps its answer and loses the middle of its text", () => {
    const { ids, truncated } = candidateOf("B", text(500));
    const answer = tokenizer.encode("B. heparin");
    const body = tokenizer.encode(text(500));
    const room = 128 - 3 - answer.length;
    expect(truncated).toBe(true);
    expect(ids).toEqual([
      tokenizer.cls,
      ...answer,
      tokenizer.sep,
      ...body.slice(0, Math.ceil(room / 2)),
      ...body.slice(500 - Math.floor(room / 2)),
      tokenizer.sep,
    ]);
    expect(ids).toHaveLength(128);
  });

  test("keeps 48 tokens of a very long answer", () => {
    const long = [{ label: "A", text: text(100) }];
    const { ids, truncated } = candidateOf("A", "liver", long);
    expect(truncated).toBe(true);
    expect(ids).toHaveLength(1 + 48 + 1 + 1 + 1);
  });
});
