/**
 * Options as people write them in one text: lines that begin with letters or numbers in order ("A. x", "a) x", "1. x",
 * "A - x", "- (b) x", "А) x", "① x"), or such marks in one line. Linear in the text's length.
 */
import type { Option } from "./question.ts";

/** The letters that options are counted by; an option's label is as its author wrote it. */
const alphabets: readonly string[][] = [
  [..."ABCDEFGHIJKLMNOPQRSTUVWXYZ"],
  [..."abcdefghijklmnopqrstuvwxyz"],
  Array.from({ length: 20 }, (_, at) => String(at + 1)),
  [..."АБВГДЕЖЗИК"],
  [..."абвгдежзик"],
  [..."أبجدهوزحطي"],
  [..."कखगघङचछज"],
  [..."アイウエオカキク"],
  [..."가나다라마바사아"],
  [..."①②③④⑤⑥⑦⑧⑨⑩"],
];
/** Capital letters: marks that are hardly ever anything else. The others count only where no question follows them. */
const sure = 0;
const numbers = 2;
const circled = 9;

/** A label -> [alphabet, place]. */
const places = new Map<string, readonly [number, number]>(
  alphabets.flatMap((letters, alphabet) =>
    letters.map((letter, place) => [letter, [alphabet, place] as const] as const),
  ),
);

/** Species that are written with a letter and a full stop: "A. fumigatus" is no option. */
const species: ReadonlySet<string> = new Set(
  (
    "fumigatus flavus niger terreus baumannii actinomycetemcomitans israelii lumbricoides duodenale aegypti phagocytophilum " +
    "burgdorferi cereus anthracis subtilis fragilis henselae quintana bacilliformis pertussis parapertussis melitensis " +
    "abortus suis canis dermatitidis cepacia pseudomallei mallei bovis microti hominis coli " +
    "difficile perfringens botulinum tetani albicans auris glabrata krusei tropicalis parapsilosis diphtheriae jejuni fetus " +
    "trachomatis pneumoniae psittaci burnetii neoformans gattii immitis posadasii parvum cayetanensis acnes " +
    "dysenteriae faecalis faecium histolytica granulosus multilocularis vermicularis corrodens cloacae aerogenes chaffeensis " +
    "elegans melanogaster rerio thaliana cerevisiae"
  ).split(" "),
);

interface Start {
  readonly alphabet: number;
  readonly place: number;
  readonly label: string;
  readonly text: string;
}

export interface Taken {
  readonly options: readonly Option[];
  readonly rest: readonly string[];
}

/** `isHeading`: whether a line is a heading of options ("Options:"). Null where the lines hold no options. */
export function takeOptions(
  lines: readonly string[],
  isHeading: (line: string) => boolean,
): Taken | null {
  return lettered(lines, isHeading) ?? inOneLine(lines, isHeading);
}

/** The last run of lines that are options. */
function lettered(lines: readonly string[], isHeading: (line: string) => boolean): Taken | null {
  const starts = lines.map(optionLine);
  for (let first = starts.length - 1; first >= 0; first -= 1) {
    const taken = starts[first]?.place === 0 ? runAt(lines, starts, first, isHeading) : null;
    if (taken !== null) return taken;
  }
  return null;
}

/** The run whose labels begin here with an alphabet's first and go on without a gap, at least two; or null. */
function runAt(
  lines: readonly string[],
  starts: readonly (Start | null)[],
  first: number,
  isHeading: (line: string) => boolean,
): Taken | null {
  const alphabet = starts[first]?.alphabet;
  const options: Start[] = [];
  let end = first;
  for (let at = first; at < lines.length; at += 1) {
    const start = starts[at] ?? null;
    if (start?.alphabet === alphabet && start?.place === options.length) {
      options.push(start);
      end = at + 1;
    } else if (lines[at]?.trim() !== "") break;
  }
  if (!areOptions(options)) return null;
  const before =
    lines.slice(Math.max(0, first - 3), first).findLast((line) => line.trim() !== "") ?? "";
  const after = lines.slice(end);
  if (alphabet !== sure && !isHeading(before)) {
    const questions = options.some(({ text }) => asks(text));
    if (after.some(asks) || (alphabet === numbers && (questions || !endsAsking(before))))
      return null;
  }
  return { options: options.map(plain), rest: [...lines.slice(0, first), ...after] };
}

function areOptions(options: readonly Start[]): boolean {
  const isSpecies = ({ text }: Start) => species.has(/^[a-z]+/.exec(text)?.[0] ?? "");
  return options.length >= 2 && !options.some(isSpecies);
}

function plain({ label, text }: Start): Option {
  return { label, text };
}

function asks(text: string): boolean {
  return /[?？؟]/.test(text);
}

function endsAsking(line: string): boolean {
  return /[?？؟][*_\s]*$/.test(line.slice(-20));
}

const letter = "[A-Za-zА-Ка-к]|[1-9][0-9]?|[أبجدهوزحطيकखगघङचछजアイウエオカキク가나다라마바사아]";
const lineStart = new RegExp(
  `^[ \\t]{0,8}(?:[-*\\u2022\\u2013] ?|\\| ?)?(?:\\*\\*)?(?:[(\\[\\uff08](${letter})[)\\]\\uff09]|(${letter})(?:[)\\uff09\\uff0e\\uff1a\\u3001]|[.:](?=[ \\t*]|[^\\x00-\\x7f])| ?[-\\u2013\\u2014](?= )|\\*\\*[.:)]| \\|))`,
  "u",
);

/** A line that begins with a label; null where it is none or nothing follows. */
function optionLine(line: string): Start | null {
  const circle = places.get([...line.trimStart().slice(0, 2)][0] ?? "");
  const isCircled = circle !== undefined && circle[0] === circled;
  const found = isCircled ? null : lineStart.exec(toHalfWidth(line));
  const label = isCircled ? line.trimStart().charAt(0) : (found?.[1] ?? found?.[2] ?? "");
  const place = places.get(label);
  if (place === undefined) return null;
  const rest = isCircled ? line.trimStart().slice(1) : line.slice(found?.[0].length ?? 0);
  const text = rest
    .replaceAll("**", "")
    .replace(/ ?\|[ \t]*$/, "")
    .trim();
  return text === "" ? null : { alphabet: place[0], place: place[1], label, text };
}

/** A full-width Latin letter or digit at the beginning as its plain one; the length stays. */
function toHalfWidth(line: string): string {
  return line
    .slice(0, 24)
    .replace(/[\uff10-\uff19\uff21-\uff3a\uff41-\uff5a]/g, (sign) =>
      String.fromCharCode(sign.charCodeAt(0) - 0xfee0),
    );
}

const inlineMark = new RegExp(
  `(?<=^|[\\s?\\uff1f\\u061f:\\uff1a,;\\u3001\\u3002*])([(\\uff08]?)(${letter})([)\\uff09.:\\uff0e\\u3001])(?=\\s|[^\\x00-\\x7f])`,
  "gu",
);

/** "... (A) text (B) text", "A) x B) y", "a) x, b) y"; "A. x B. y" only behind a question or a heading. The last such line. */
function inOneLine(lines: readonly string[], isHeading: (line: string) => boolean): Taken | null {
  for (let at = lines.length - 1; at >= 0; at -= 1) {
    const line = lines[at] ?? "";
    const run = inlineRun(line);
    if (run === null) continue;
    const before = line.slice(0, run.start).trim();
    const asked = before === "" ? (lines[at - 1] ?? "") : before;
    const led = isHeading(asked) || endsAsking(asked) || /[:\uff1a]$/.test(before);
    const bracketed = run.mark === ")" && run.alphabet === sure;
    if (!bracketed && !led) continue;
    return { options: run.options, rest: lines.with(at, line.slice(0, run.start)) };
  }
  return null;
}

interface Run {
  readonly start: number;
  readonly alphabet: number;
  readonly mark: string;
  readonly options: readonly Option[];
}

/** From the first mark of an alphabet's first letter: those that follow in order and in the same style. */
function inlineRun(line: string): Run | null {
  const marks = [...line.matchAll(inlineMark)].flatMap((found) => {
    const place = places.get(found[2] ?? "");
    return place === undefined ? [] : [{ found, place, style: `${found[1]}${found[3]}` }];
  });
  const first = marks.find(({ place }) => place[1] === 0);
  if (first === undefined) return null;
  const [alphabet] = first.place;
  const run: typeof marks = [];
  for (const mark of marks) {
    const next = mark.place[0] === alphabet && mark.place[1] === run.length;
    if (next && mark.style === first.style) run.push(mark);
  }
  const starts = run.map(({ found }, at): Start => {
    const text = line.slice(found.index + found[0].length, run[at + 1]?.found.index).trim();
    const label = found[2] ?? "";
    return {
      alphabet,
      place: at,
      label,
      text: text
        .replaceAll("**", "")
        .replace(/[,;、]$/, "")
        .trim(),
    };
  });
  if (!areOptions(starts) || starts.some(({ text }) => text === "" || asks(text))) return null;
  const mark = first.found[3] === "\uff09" ? ")" : (first.found[3] ?? "");
  return { start: first.found.index, alphabet, mark, options: starts.map(plain) };
}
