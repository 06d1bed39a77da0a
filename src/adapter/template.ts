/**
 * Question and candidate as the encoder reads them: template `medadapter-1`. Its Python twin is
 * scripts/train/medadapter_train/model/template.py; both reproduce test/fixtures/template.golden.jsonl.
 *
 *   prefix     [CLS] question options [SEP] context [SEP]
 *   candidate  [CLS] answer [SEP] text [SEP]
 *
 * Question and options are never cut, since a score given without them means nothing: a question
 * whose head is over budget is refused. Context and candidate text are cut in their middle.
 */
import { renderOption } from "../tasks/options.ts";
import { type Option, type Question, readByAdapter } from "../tasks/question.ts";
import type { EncoderInput } from "./engine.ts";
import type { Manifest } from "./manifest.ts";
import { fail, ok, type Result } from "./result.ts";
import type { TextTokenizer } from "./tokenizer.ts";

/** The manifest's token budgets; a prefix and a candidate together fit the encoder's positions. */
export type Budget = Manifest["budget"];

export interface QuestionTooLong {
  readonly kind: "question_too_long";
  /** What question and options need, special tokens included. */
  readonly tokens: number;
  readonly limit: number;
}

/** Ids of a question, at most `budget.prefixTokens`. */
export function encodeQuestion(
  tokenizer: TextTokenizer,
  budget: Budget,
  question: Question,
): Result<EncoderInput, QuestionTooLong> {
  // Tokenized apart: a word piece never spans the seam, whatever the question ends with.
  const head = tokenizer.encode(question.question);
  for (const id of tokenizer.encode(question.options.map(renderOption).join("\n"))) head.push(id);
  const ids = [tokenizer.cls, ...head, tokenizer.sep];
  const room = budget.prefixTokens - ids.length;
  if (room < 0) {
    return fail({ kind: "question_too_long", tokens: ids.length, limit: budget.prefixTokens });
  }
  const given = readByAdapter(question);
  const context = given === null ? [] : tokenizer.encode(given);
  const kept = cutMiddle(context, Math.max(0, room - 1));
  if (kept.length > 0) ids.push(...kept, tokenizer.sep);
  return ok({ ids, truncated: kept.length < context.length });
}

/**
 * Ids of a candidate, at most `budget.candidateTokens`. `answer` is the option that it parsed to;
 * `noAnswer` stands for none. Free-text questions have no options, and nothing stands in its place.
 */
export function encodeCandidate(
  tokenizer: TextTokenizer,
  budget: Budget,
  noAnswer: string,
  hasOptions: boolean,
  candidate: { readonly answer: Option | null; readonly text: string },
): EncoderInput {
  const { answer, text } = candidate;
  const answerText = !hasOptions ? "" : answer === null ? noAnswer : renderOption(answer);
  const answerIds = tokenizer.encode(answerText);
  const keptAnswer = answerIds.slice(0, budget.answerTokens);
  const textIds = tokenizer.encode(text);
  const kept = cutMiddle(textIds, budget.candidateTokens - keptAnswer.length - 3);
  return {
    ids: [tokenizer.cls, ...keptAnswer, tokenizer.sep, ...kept, tokenizer.sep],
    truncated: keptAnswer.length < answerIds.length || kept.length < textIds.length,
  };
}

/** The first ceil(keep / 2) and the last floor(keep / 2) ids. */
function cutMiddle(ids: readonly number[], keep: number): readonly number[] {
  if (ids.length <= keep) return ids;
  const tail = Math.floor(keep / 2);
  return [...ids.slice(0, keep - tail), ...ids.slice(ids.length - tail)];
}
