/**
 * Question and candidate as texts for a remote engine, by the manifest's template:
 *
 * - `medadapter-1`, for `npm run rerank-server`: the same parts as the token template has, with U+001E where it has
 *   [SEP], so that the server encodes the very ids. BERT's tokenizers drop that character anyway.
 * - `medadapter-pair-1`, for a cross-encoder that a general server loads: one part a line, as in the twin,
 *   scripts/train/medadapter_train/model/cross.py.
 *
 * Tokens are the server's to count and to cut. Here only characters are bounded, so generously that nothing is lost
 * that a server with the manifest's token budget would read; context and candidate lose their middle, question and
 * options nothing.
 */
import { renderOption } from "../../tasks/options.ts";
import { type Question, readByAdapter } from "../../tasks/question.ts";
import type { Manifest } from "../manifest.ts";
import type { CandidateText } from "../ranker.ts";
import { fail, ok, type Result } from "../result.ts";
import type { QuestionTooLong } from "../template.ts";

/** Stands between the parts of template `medadapter-1`. */
export const SEAM = "\u001e";

/** Tokens of English text are 4 to 5 characters on average. */
export const CHARS_PER_TOKEN = 16;

export interface RenderedText {
  readonly text: string;
  /** Characters were cut. */
  readonly truncated: boolean;
}

type Described = Pick<Manifest, "budget" | "template">;

/** The first text of a pair: question, options, context. */
export function questionText(
  { budget, template }: Described,
  question: Question,
): Result<RenderedText, QuestionTooLong> {
  const head = [question.question, ...question.options.map(renderOption)].map(clean).join("\n");
  const limit = budget.prefixTokens;
  const room = limit * CHARS_PER_TOKEN - head.length;
  if (room < 0) {
    const tokens = Math.ceil(head.length / CHARS_PER_TOKEN);
    return fail({ kind: "question_too_long", tokens, limit });
  }
  const given = readByAdapter(question);
  if (given === null) return ok({ text: head, truncated: false });
  const context = cutMiddle(clean(given), room);
  const seam = template.id === "medadapter-1" ? SEAM : "\n";
  return ok({ text: `${head}${seam}${context.text}`, truncated: context.truncated });
}

/** The second text of a pair: the answer that the candidate parsed to, then its reasoning. */
export function candidateText(
  { budget, template }: Described,
  hasOptions: boolean,
  { answer, text }: CandidateText,
): RenderedText {
  const answerText = answer === null ? template.noAnswer : renderOption(answer);
  const lead = hasOptions ? clean(answerText) : "";
  const body = cutMiddle(clean(text), budget.candidateTokens * CHARS_PER_TOKEN);
  if (template.id === "medadapter-1") return { ...body, text: `${lead}${SEAM}${body.text}` };
  return { ...body, text: `${hasOptions ? `${lead}\n` : ""}${body.text.trim()}` };
}

function clean(text: string): string {
  return text.toWellFormed().replaceAll(SEAM, "");
}

function cutMiddle(text: string, keep: number): RenderedText {
  if (text.length <= keep) return { text, truncated: false };
  const tail = Math.floor(keep / 2);
  // A surrogate pair may have been cut in two.
  const kept = `${text.slice(0, keep - tail)} ${text.slice(text.length - tail)}`.toWellFormed();
  return { text: kept, truncated: true };
}
