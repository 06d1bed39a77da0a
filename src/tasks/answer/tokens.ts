/**
 * Cuts an LLM's text into folded words, marks and line ends. Written by hand, one pass, no regular
 * expressions: linear in any input.
 * Markdown (`*`, `_`, backticks, `~`), dollar signs and LaTeX formatting leave no token.
 */

/** `word`: letters and digits; `mark`: one punctuation sign, tag or `\boxed`; `line`: end of line. */
export interface Token {
  readonly kind: "word" | "mark" | "line";
  /** Folded: lower case, plain quotes and dashes. */
  readonly text: string;
  /** Whether the first letter was written as a capital (or is a digit). */
  readonly capital: boolean;
  /** Whether it follows the sign before it with nothing (not even formatting) between. */
  readonly glued: boolean;
}

const tags = ["answer", "final_answer", "final answer", "finalanswer", "ans", "think", "br"];
const boxes = new Set(["boxed", "fbox"]);
const latexFormatting = new Set(
  (
    "text textbf textit textrm textsf texttt mathrm mathbf mathbb mathit mathsf mathcal bf rm it " +
    "left right big Big displaystyle quad qquad emph underline bold boldsymbol"
  ).split(" "),
);
const punctuation = new Set("()[]{}\"':;,.!?/\\-=<>#|+%&@^".split(""));

/** Signs that mean the same as a plain one. */
const plain: ReadonlyMap<string, string> = new Map([
  ...pairs("\u201c\u201d\u201e\u201f\u00ab\u00bb\u300c\u300d", '"'),
  ...pairs("\u2018\u2019\u201a\u201b\u00b4", "'"),
  ...pairs("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),
  ...pairs("\u2192\u21d2\u27a1", ">"),
  ...pairs("\u2026\u3002", "."),
  ...pairs("\u3001", ","),
  ...pairs("\u3010", "["),
  ...pairs("\u3011", "]"),
  ...pairs("\u2028\u2029\u0085\r\v\f", "\n"),
  ...pairs("\u00b5", "\u03bc"),
]);

function pairs(from: string, to: string): [string, string][] {
  return from.split("").map((sign) => [sign, to]);
}

/** The tokens of a text; never fails, whatever the text holds. */
export function tokenize(text: string): Token[] {
  const source = text.replace(/[\r\v\f\u0080-\uffff]/g, simplify);
  const tokens: Token[] = [];
  let at = 0;
  let glued = false;
  while (at < source.length) {
    const piece = pieceAt(source, at);
    const repeated = piece.kind === "line" && tokens.at(-1)?.kind === "line";
    if (piece.kind !== "gap" && !repeated) {
      const { kind, text, capital } = piece;
      tokens.push({
        kind,
        text,
        capital,
        glued: glued && kind !== "line" && piece.joins !== "none",
      });
    }
    glued = piece.joins === "both";
    at = piece.end;
  }
  return tokens;
}

/** `joins`: whether it can be glued to the token before it (`before`), or to those before and after it (`both`). */
interface Piece {
  readonly kind: Token["kind"] | "gap";
  readonly text: string;
  readonly capital: boolean;
  readonly joins: "none" | "before" | "both";
  readonly end: number;
}

function pieceAt(source: string, at: number): Piece {
  const sign = source[at] ?? "";
  if (isWordSign(sign)) return wordAt(source, at);
  if (sign === "\n") return piece("line", "\n", at + 1, "none");
  if (sign === "\\") return commandAt(source, at);
  if (sign === "<") {
    const tag = tagAt(source, at);
    if (tag !== null) return tag;
  }
  if (sign === "#") {
    let end = at;
    while (source[end] === "#") end += 1;
    return piece("mark", "#".repeat(Math.min(Math.max(end - at, 1), 7)), Math.max(end, at + 1));
  }
  return punctuation.has(sign)
    ? piece("mark", sign, at + 1, "both")
    : piece("gap", "", at + 1, "none");
}

function piece(
  kind: Piece["kind"],
  text: string,
  end: number,
  joins: Piece["joins"] = "before",
): Piece {
  return { kind, text, capital: false, joins, end };
}

function wordAt(source: string, start: number): Piece {
  const word: string[] = [];
  let at = start;
  for (; at < source.length; at += 1) {
    const sign = source[at] ?? "";
    const apostrophe = sign === "'" && isWordSign(source[at + 1] ?? " ");
    if (!isWordSign(sign) && !apostrophe) break;
    word.push(fold(sign));
  }
  const first = source[start] ?? "";
  const capital = fold(first) !== first || isDigit(first);
  return { kind: "word", text: word.join(""), capital, joins: "both", end: at };
}

/** A LaTeX command: `\boxed` is a mark, formatting leaves no token, others are words. `\n` ends a line. */
function commandAt(source: string, at: number): Piece {
  let end = at + 1;
  while (end < source.length && isAsciiLetter(source[end] ?? "")) end += 1;
  const command = source.slice(at + 1, end);
  if (boxes.has(command)) return piece("mark", "\\boxed", end);
  const second = command[1] ?? "A";
  if (command[0] === "n" && fold(second) !== second) return piece("line", "\n", at + 2, "none");
  if (command === "" || latexFormatting.has(command)) return piece("gap", "", end, "none");
  return piece("word", [...command].map(fold).join(""), end, "none");
}

/** A known tag at this place, `</name>` or `<name>`, blanks allowed before `>`. */
function tagAt(source: string, at: number): Piece | null {
  const closing = source[at + 1] === "/";
  const next = closing ? at + 2 : at + 1;
  const rest = source
    .slice(next, next + 12)
    .split("")
    .map(fold)
    .join("");
  for (const tag of tags) {
    if (!rest.startsWith(tag)) continue;
    let end = next + tag.length;
    while (source[end] === " " || source[end] === "/") end += 1;
    if (source[end] !== ">") continue;
    if (tag === "br") return piece("line", "\n", end + 1, "none");
    const name = tag === "think" ? tag : "answer";
    return piece("mark", `<${closing ? "/" : ""}${name}>`, end + 1);
  }
  return null;
}

/** Full-width forms, circled letters and typographic signs as their plain ones. */
function simplify(sign: string): string {
  const code = sign.charCodeAt(0);
  if (code >= 0xff01 && code <= 0xff5e) return String.fromCharCode(code - 0xfee0);
  if (code >= 0x24b6 && code <= 0x24cf) return String.fromCharCode(code - 0x24b6 + 65);
  return plain.get(sign) ?? sign;
}

/** Lower case of the Latin, Greek and Cyrillic letters that have a fixed distance to it. */
function fold(sign: string): string {
  const code = sign.charCodeAt(0);
  const shifted =
    (code >= 65 && code <= 90) ||
    (code >= 0xc0 && code <= 0xde && code !== 0xd7) ||
    (code >= 0x391 && code <= 0x3a9 && code !== 0x3a2) ||
    (code >= 0x410 && code <= 0x42f);
  return shifted ? String.fromCharCode(code + 32) : sign;
}

function isDigit(sign: string): boolean {
  return sign >= "0" && sign <= "9";
}

/** ASCII letters and digits, and code points above Latin-1's signs outside the blocks of symbols. */
function isWordSign(sign: string): boolean {
  const code = sign.charCodeAt(0);
  if (code < 128) {
    return (code >= 48 && code <= 57) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122);
  }
  if (code < 0xc0) return code === 0xaa || code === 0xba;
  if (code === 0xd7 || code === 0xf7) return false;
  if (code >= 0x2000 && code <= 0x2bff) return false;
  return (
    !((code >= 0x3000 && code <= 0x303f) || (code >= 0xd800 && code <= 0xf8ff)) && code < 0xfe00
  );
}

function isAsciiLetter(sign: string): boolean {
  return (sign >= "a" && sign <= "z") || (sign >= "A" && sign <= "Z");
}
