/**
 * What is written in both languages gives the same: template and tokenizer, on any text, with any budget. Python answers
 * from a process of its own (scripts/train/tests/encode_lines.py).
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import fc from "fast-check";
import { afterAll, expect } from "vitest";
import { encodeCandidate, encodeQuestion } from "../../src/adapter/template.ts";
import { realTokenizer } from "../adapter/realTokenizer.ts";
import { sampleManifest } from "../adapter/sampleManifest.ts";
import { fuzz } from "./fuzz.ts";
import { fromPieces } from "./texts.ts";

const root = join(import.meta.dirname, "..", "..");
const python = process.env.PYTHON_VENV ?? join(root, ".venv", "bin", "python");
const child = spawn(python, [join(root, "scripts", "train", "tests", "encode_lines.py")], {
  stdio: ["pipe", "pipe", "inherit"],
  env: { ...process.env, PYTHONPATH: join(root, "scripts", "train") },
});
const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
afterAll(() => child.stdin.end());

async function nextLine(): Promise<unknown> {
  const { value, done } = await lines.next();
  if (done) throw new Error(`Python ended with code ${(await once(child, "exit"))[0]}`);
  return JSON.parse(value);
}

const ranges = (await nextLine()) as [first: number, last: number][];
const count = ranges.reduce((sum, [first, last]) => sum + last - first + 1, 0);

/** The character at a place among those that both tokenizers' tables class alike. */
function characterAt(place: number): string {
  let left = place;
  for (const [first, last] of ranges) {
    if (left <= last - first) return String.fromCodePoint(first + left);
    left -= last - first + 1;
  }
  throw new Error("no such place");
}

const anyCharacters = fc
  .array(fc.integer({ min: 0, max: count - 1 }).map(characterAt), { maxLength: 40 })
  .map((characters) => characters.join(""));
const text = fc.oneof(
  { weight: 2, arbitrary: fromPieces },
  { weight: 2, arbitrary: anyCharacters },
  { weight: 1, arbitrary: fc.tuple(fromPieces, anyCharacters).map((parts) => parts.join(" ")) },
  // Over most budgets.
  { weight: 1, arbitrary: fc.tuple(fromPieces, anyCharacters).map((t) => t.join("").repeat(9)) },
);
const options = fc.array(fc.record({ label: fc.constantFrom("yes", "A", "2", "İ", "σ"), text }), {
  maxLength: 4,
});
const budget = fc
  .record({
    prefixTokens: fc.integer({ min: 2, max: 384 }),
    answerTokens: fc.integer({ min: 1, max: 48 }),
    more: fc.integer({ min: 3, max: 80 }),
  })
  .map(({ prefixTokens, answerTokens, more }) => {
    const candidateTokens = answerTokens + more;
    return {
      prefixTokens,
      answerTokens,
      candidateTokens,
      maxTokens: prefixTokens + candidateTokens,
    };
  });

const tokenizer = await realTokenizer();

fuzz(
  "TypeScript and Python make the same ids of a question and a candidate",
  0.04,
  fc.record({
    budget,
    question: text,
    options,
    context: fc.option(text, { nil: null }),
    text,
    answer: fc.option(fc.nat({ max: 3 }), { nil: null }),
  }),
  async (asked) => {
    const label = asked.answer === null ? null : (asked.options[asked.answer]?.label ?? "Z");
    const { prefixTokens, candidateTokens, answerTokens } = asked.budget;
    const request = {
      budget: {
        prefix_tokens: prefixTokens,
        candidate_tokens: candidateTokens,
        answer_tokens: answerTokens,
      },
      question: asked.question,
      options: asked.options.map((option) => [option.label, option.text]),
      context: asked.context,
      answer: label,
      text: asked.text,
    };
    child.stdin.write(`${JSON.stringify(request)}\n`);
    const prefix = encodeQuestion(tokenizer, asked.budget, asked);
    const answer = asked.options.find((option) => option.label === label) ?? null;
    const { noAnswer } = sampleManifest.template;
    const hasOptions = asked.options.length > 0;
    const candidate = encodeCandidate(tokenizer, asked.budget, noAnswer, hasOptions, {
      answer,
      text: asked.text,
    });
    expect(await nextLine()).toEqual({
      prefix: prefix.ok ? [[...prefix.value.ids], prefix.value.truncated] : null,
      candidate: [[...candidate.ids], candidate.truncated],
    });
  },
);
