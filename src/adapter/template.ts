/**
 * Question and candidate as an engine reads them: token ids for the built-in engines, texts for a remote one.
 *
 * Template `medadapter-1`. Its Python twin is scripts/train/medadapter_train/model/template.py; both reproduce
 * test/fixtures/template.golden.jsonl.
 *
 *   prefix     [CLS] question options [SEP] context [SEP]
 *   candidate  [CLS] answer [SEP] text [SEP]
 *
 * Options are never cut, since a score given without them means nothing; and the question neither, unless the caller
 * says so (a query of `/v1/rerank` may be a whole document). What then is over budget is refused. Context and candidate
 * text are cut in their middle.
 *
 * As texts, for a remote engine:
 *
 * - `medadapter-1`, for `npm run rerank-server`: the same parts, with U+001E in place of [SEP], so that the server
 *   encodes the same ids. BERT's tokenizers drop that character anyway.
 * - `medadapter-pair-1`, for a cross-encoder that a general server loads: one part a line, as in the twin,
 *   scripts/train/medadapter_train/model/cross.py.
 *
 * The server counts and cuts tokens. Here only characters are bounded, so generously that nothing is lost that a server
 * with the manifest's token budget would read.
 */
import { type Option, type Question, readByAdapter, renderOption } from "../tasks/question.ts";
import type { EncoderInput } from "./engine.ts";
import type { Manifest } from "./manifest.ts";
import type { CandidateText } from "./ranker.ts";
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

/**
 * Ids of a question, at most `budget.prefixTokens`.
 * @param cut whether a question that is too long is cut in its middle; refused where that is not enough
 */
export function encodeQuestion(
  tokenizer: TextTokenizer,
  budget: Budget,
  question: Question,
  cut = false,
): Result<EncoderInput, QuestionTooLong> {
  // Tokenized apart: no word piece spans both, whatever the question ends with.
  const asked = tokenizer.encode(question.question);
  const options = tokenizer.encode(question.options.map(renderOption).join("\n"));
  const most = budget.prefixTokens - options.length - 2;
  const keptHead = cut && most > 0 ? cutMiddle(asked, most) : asked;
  const ids = [tokenizer.cls, ...keptHead, ...options, tokenizer.sep];
  const room = budget.prefixTokens - ids.length;
  if (room < 0) {
    return fail({ kind: "question_too_long", tokens: ids.length, limit: budget.prefixTokens });
  }
  const given = readByAdapter(question);
  const context = given === null ? [] : tokenizer.encode(given);
  const kept = cutMiddle(context, Math.max(0, room - 1));
  if (kept.length > 0) ids.push(...kept, tokenizer.sep);
  const truncated = kept.length < context.length || keptHead.length < asked.length;
  return ok({ ids, truncated });
}

/**
 * Ids of a candidate, at most `budget.candidateTokens`. `answer` is the option that it parsed to;
 * `noAnswer` is written where it parsed to none. Free-text questions have no options, and get no answer part.
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

/** Separates the parts of template `medadapter-1` in a text. */
export const PART_SEPARATOR = "\u001e";

/** Tokens of English text are 4 to 5 characters on average. */
export const CHARS_PER_TOKEN = 16;

export interface RenderedText {
  readonly text: string;
  /** Characters were cut. */
  readonly truncated: boolean;
}

type Described = Pick<Manifest, "budget" | "template">;

/** The first text of a pair: question, options, context. @param cut as for `encodeQuestion` */
export function questionText(
  { budget, template }: Described,
  question: Question,
  cut = false,
): Result<RenderedText, QuestionTooLong> {
  const limit = budget.prefixTokens;
  const [first = "", ...rest] = [question.question, ...question.options.map(renderOption)].map(
    clean,
  );
  const options = rest.map((option) => `\n${option}`).join("");
  // Less a blank, which stands where the text was cut.
  const most = limit * CHARS_PER_TOKEN - options.length - 1;
  const asked = cut && most > 0 ? cutText(first, most) : { text: first, truncated: false };
  const head = `${asked.text}${options}`;
  const room = limit * CHARS_PER_TOKEN - head.length;
  if (room < 0) {
    const tokens = Math.ceil(head.length / CHARS_PER_TOKEN);
    return fail({ kind: "question_too_long", tokens, limit });
  }
  const given = readByAdapter(question);
  if (given === null) return ok({ text: head, truncated: asked.truncated });
  const context = cutText(clean(given), room);
  const separator = template.id === "medadapter-1" ? PART_SEPARATOR : "\n";
  return ok({
    text: `${head}${separator}${context.text}`,
    truncated: asked.truncated || context.truncated,
  });
}

/** The second text of a pair: the answer that the candidate parsed to, then its reasoning. */
export function candidateText(
  { budget, template }: Described,
  hasOptions: boolean,
  { answer, text }: CandidateText,
): RenderedText {
  const answerText = answer === null ? template.noAnswer : renderOption(answer);
  const lead = hasOptions ? clean(answerText) : "";
  const body = cutText(clean(text), budget.candidateTokens * CHARS_PER_TOKEN);
  if (template.id === "medadapter-1")
    return { ...body, text: `${lead}${PART_SEPARATOR}${body.text}` };
  return { ...body, text: `${hasOptions ? `${lead}\n` : ""}${body.text.trim()}` };
}

function clean(text: string): string {
  return text.toWellFormed().replaceAll(PART_SEPARATOR, "");
}

/** The beginning and the end of a text, together `keep` characters, and a blank between. */
function cutText(text: string, keep: number): RenderedText {
  if (text.length <= keep) return { text, truncated: false };
  const tail = Math.floor(keep / 2);
  // A surrogate pair may have been cut in two.
  const kept = `${text.slice(0, keep - tail)} ${text.slice(text.length - tail)}`.toWellFormed();
  return { text: kept, truncated: true };
}
