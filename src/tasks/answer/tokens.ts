/**
 * Cuts an LLM's text into folded words, marks and line ends. Written by hand, one pass, no regular
 * expressions: linear in any input.
 * Markdown (`*`, `_`, backticks, `~`), dollar signs and LaTeX formatting leave no token.
 * Scripts without spaces between words (Chinese, Japanese, Korean with its particles) are cut sign by sign; `joinTerms`
 * makes words of those that the lexicon knows.
 */

/** `word`: letters and digits; `mark`: one punctuation sign, tag or `\boxed`; `line`: end of line. */
export interface Token {
  readonly kind: "word" | "mark" | "line";
  /** Folded: lower case, plain quotes and dashes. */
  readonly text: string;
  /** Whether the first letter was written as a capital, or is a digit, or a letter of Arabic or Devanagari alone. */
  readonly capital: boolean;
  /** Whether it follows the sign before it with nothing (not even formatting) between. */
  readonly glued: boolean;
}

const tags = [
  ...["answer", "final_answer", "final answer", "final-answer", "finalanswer", "ans", "final"],
  ...[
    "correct_answer",
    "answer_choice",
    "choice",
    "response",
    "result",
    "output",
    "solution",
    "selected_option",
    "think",
    "br",
  ],
];
const longestTag = 16;
const boxes = new Set(["boxed", "fbox"]);
const latexFormatting = new Set(
  (
    "text textbf textit textrm textsf texttt mathrm mathbf mathbb mathit mathsf mathcal bf rm it " +
    "left right big Big displaystyle quad qquad emph underline bold boldsymbol"
  ).split(" "),
);
/** `✓`, `✗`: an option judged right or wrong. */
const punctuation = new Set("()[]{}\"':;,.!?/\\-=<>#|+%&@^\u2713\u2717".split(""));

/** Signs that mean the same as a plain one. */
const plain: ReadonlyMap<string, string> = new Map([
  ...pairs(
    "\u201c\u201d\u201e\u201f\u00ab\u00bb\u300c\u300d\u300e\u300f\u300a\u300b\u3008\u3009",
    '"',
  ),
  ...pairs("\u2018\u2019\u201a\u201b\u00b4", "'"),
  ...pairs("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),
  ...pairs("\u2192\u21d2\u27a1", ">"),
  // Full stops of Chinese, Hindi, Urdu; the Greek and Armenian ones are not among the languages.
  ...pairs("\u2026\u3002\uff61\u0964\u0965\u06d4", "."),
  ...pairs("\u3001\u060c\uff64", ","),
  ...pairs("\u061b", ";"),
  ...pairs("\u061f", "?"),
  ...pairs("\u00a1\u00bf\u30fb", " "),
  ...pairs("\u3010\u3014\u3016", "["),
  ...pairs("\u3011\u3015\u3017", "]"),
  ...pairs("\u2714\u2705\u2611\u2713", "\u2713"),
  ...pairs("\u2717\u2718\u2716\u274c\u274e", "\u2717"),
  // Alif with hamza or madda above or below is often written without; Turkish i without its dot likewise.
  ...pairs("\u0622\u0623\u0625", "\u0627"),
  ...pairs("\u0130\u0131", "i"),
  // Marks of direction, joiners, soft hyphens, Arabic vowel signs and the stretching tatweel.
  ...pairs(
    "\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069",
    "",
  ),
  ...pairs(
    "\u061c\u00ad\ufeff\ufe0e\ufe0f\u0640\u064b\u064c\u064d\u064e\u064f\u0650\u0651\u0652",
    "",
  ),
  ...pairs("\u2028\u2029\u0085\r\v\f", "\n"),
  ...pairs("\u00b5", "\u03bc"),
]);

function pairs(from: string, to: string): [string, string][] {
  return from.split("").map((sign) => [sign, to]);
}

/** The tokens of a text; never fails, whatever the text holds. */
export function tokenize(text: string): Token[] {
  const source = text
    .replace(/[a-z][\u0300-\u036f]/gi, (pair) => pair.normalize("NFC"))
    .replace(/[\u{1d400}-\u{1d7ff}\u{1f130}-\u{1f189}]/gu, letterOf)
    .replace(/[\r\v\f\u0080-\uffff]/g, simplify);
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

/** Letters and digits of one script, with apostrophes inside; of Chinese, Japanese and Korean one sign. */
function wordAt(source: string, start: number): Piece {
  const first = source[start] ?? "";
  const script = scriptOf(first);
  const word = [fold(first)];
  let at = start + 1;
  for (; script !== "unspaced" && at < source.length; at += 1) {
    const sign = source[at] ?? "";
    const letter = sign === "'" ? (source[at + 1] ?? " ") : sign;
    if (!isWordSign(letter) || scriptOf(letter) !== script) break;
    word.push(fold(sign));
  }
  const alone = word.length === 1 && script === "uncased";
  const capital = word[0] !== first || isDigit(first) || alone;
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
    .slice(next, next + longestTag)
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

/** Full-width forms, letters and digits in circles, digits of other scripts and typographic signs as their plain ones. */
function simplify(sign: string): string {
  const code = sign.charCodeAt(0);
  if (code >= 0xff01 && code <= 0xff5e) return String.fromCharCode(code - 0xfee0);
  if (code >= 0x2460 && code <= 0x24ff) return sign.normalize("NFKC");
  const zero = digitZeros.find((first) => code >= first && code <= first + 9);
  if (zero !== undefined) return String(code - zero);
  return plain.get(sign) ?? sign;
}

/** Zero in Arabic, Persian and Devanagari digits. */
const digitZeros = [0x660, 0x6f0, 0x966];

/** Mathematical letters ("bold B") and letters in squares as plain ones. */
function letterOf(sign: string): string {
  const code = sign.codePointAt(0) ?? 0;
  if (code < 0x1f130) return sign.normalize("NFKC");
  const at = (code - 0x1f130) % 32;
  return at < 26 ? String.fromCharCode(65 + at) : sign;
}

/** Lower case where that is one sign. */
function fold(sign: string): string {
  const lower = sign.toLowerCase();
  return lower.length === 1 ? lower : sign;
}

/** `cased`: Latin, Greek, Cyrillic and digits; `uncased`: Arabic, Devanagari; `unspaced`: Han, kana, Hangul. */
function scriptOf(sign: string): "cased" | "uncased" | "unspaced" {
  const code = sign.charCodeAt(0);
  if (code < 0x590 || (code >= 0x1e00 && code < 0x2000)) return "cased";
  return code >= 0x1100 && (code < 0x1200 || code >= 0x2e80) ? "unspaced" : "uncased";
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
