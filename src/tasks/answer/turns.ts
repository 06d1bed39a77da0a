/**
 * Where an LLM goes on with a turn of its own, a question that nobody asked: "Question: ...", "User: ...", "### Question",
 * "2. Which drug ...?" with options under it, or a token of a chat template. What follows answers another question.
 */
import { lexicon } from "./lexicon.ts";
import type { Choices } from "./options.ts";
import { startsLine } from "./sentence.ts";
import type { Token } from "./tokens.ts";

/** Tokens of chat templates that end a turn or begin another's. */
const templateTokens =
  /<\|(?:im_start|im_end|eot_id|eom_id|endoftext|end_of_text|start_header_id|user|eos)\|>|<\uff5c(?:user|end\u2581of\u2581sentence)\uff5c>|<(?:start|end)_of_turn>|<\/?s>|<eos(?:_token)?>|\[\/?inst\]|<<\/?sys>>/giu;

/** The text cut at tokens of chat templates. */
export function templateTurns(text: string): string[] {
  return text.split(templateTokens);
}

/**
 * The tokens cut before each heading or numbered question; the first part may be empty. Numbers after a "1." are steps of
 * the LLM's own.
 */
export function questionTurns(tokens: readonly Token[], choices: Choices): (readonly Token[])[] {
  const turns: (readonly Token[])[] = [];
  let start = 0;
  let listed = false;
  for (let at = 0; at < tokens.length; at += 1) {
    if (!startsLine(tokens, at)) continue;
    listed ||= tokens[at]?.text === "1";
    if (!beginsQuestion(tokens, at, choices, listed)) continue;
    turns.push(tokens.slice(start, at));
    start = at;
  }
  return [...turns, tokens.slice(start)];
}

/** Signs before a heading, and words of a heading, that are looked past. */
const longestStart = 6;

function beginsQuestion(
  tokens: readonly Token[],
  at: number,
  choices: Choices,
  listed: boolean,
): boolean {
  let next = at;
  let heading = false;
  while (next < at + longestStart && tokens[next]?.kind === "mark") {
    heading ||= tokens[next]?.text.startsWith("#") ?? false;
    next += 1;
  }
  const token = tokens[next];
  if (token === undefined || token.kind !== "word") return false;
  if (recaps(tokens, next)) return true;
  const withNumber = isNumber(tokens[next + 1]);
  const numbered = withNumber || /^q[0-9]{1,3}$/.test(token.text);
  const named = [lexicon.questions, lexicon.users].some((list) => list.has(token.text));
  if (named || (numbered && (!withNumber || lexicon.numbered.has(token.text)))) {
    const after = tokens[withNumber ? next + 2 : next + 1];
    const closed = after?.text === "]" ? tokens[next + 2] : after;
    if (closed?.text === ":") return true;
    const ends = closed === undefined || closed.kind === "line";
    return (ends && (heading || numbered)) || (numbered && closed?.text === ".");
  }
  return !listed && isNumbered(token.text) && numberedQuestion(tokens, next, choices);
}

/** "Now, let's combine all the answers:": other questions' answers follow. Looks at sixteen tokens. */
function recaps(tokens: readonly Token[], at: number): boolean {
  let recap = false;
  for (let next = at; next < at + 16; next += 1) {
    const token = tokens[next];
    if (token === undefined || token.kind === "line")
      return recap && tokens[next - 1]?.text === ":";
    recap ||= lexicon.recaps.has(token.text);
  }
  return false;
}

function isNumber(token: Token | undefined): boolean {
  return token?.kind === "word" && /^[0-9]{1,3}$/.test(token.text);
}

/** "2" and up. */
function isNumbered(text: string): boolean {
  return /^[0-9]{1,3}$/.test(text) && text !== "1" && text !== "0";
}

/** "2. Which drug ...?" and a next line "A. text". */
function numberedQuestion(tokens: readonly Token[], at: number, choices: Choices): boolean {
  if (![".", ")"].includes(tokens[at + 1]?.text ?? "")) return false;
  let end = at + 2;
  while (end < tokens.length && tokens[end]?.kind !== "line") end += 1;
  if (tokens[end - 1]?.text !== "?") return false;
  let first = end + 1;
  while (first < end + longestStart && tokens[first]?.kind === "mark") first += 1;
  const [label] = choices.letters.keys();
  const mark = tokens[first + 1];
  return label !== undefined && tokens[first]?.text === label && mark?.kind === "mark";
}
