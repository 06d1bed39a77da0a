/**
 * Whether a text is English, as far as a short look tells: by its script and by function words. Scores were validated on
 * English alone, so where a question or its answers are not, the answer says so.
 */
import words from "./functionWords.json" with { type: "json" };

const { about: _about, en, ...others } = words;
const english: ReadonlySet<string> = new Set(en);
/** A word -> the languages that have it. */
const foreign = new Map<string, string[]>();
for (const [code, list] of Object.entries(others)) {
  for (const word of list) foreign.set(word, [...(foreign.get(word) ?? []), code]);
}

/** Longest beginning that is looked at, in UTF-16 units. */
const looked = 8_000;
/** Share of letters of other scripts from which a text is not English. Symbols as "α" are Greek: they never count. */
const foreignShare = 0.2;

/**
 * False where at least a fifth of the letters are of another script than Latin or Greek, or where another language has
 * more function words in the text than English has. A text without function words ("Aspirin", "B") counts as English.
 * Linear; looks at the first 8,000 units.
 */
export function isEnglish(text: string): boolean {
  const start = text.slice(0, looked).normalize("NFC").toLowerCase();
  const letters = start.match(/\p{L}/gu)?.length ?? 0;
  const otherScript = start.match(/[^\P{L}\p{Script=Latin}\p{Script=Greek}]/gu)?.length ?? 0;
  if (otherScript > 0 && otherScript >= letters * foreignShare) return false;
  const counts = new Map<string, number>();
  let own = 0;
  for (const [word] of start.replaceAll("\u2019", "'").matchAll(/\p{L}+(?:'\p{L}+)?/gu)) {
    if (english.has(word)) own += 1;
    for (const code of foreign.get(word) ?? []) counts.set(code, (counts.get(code) ?? 0) + 1);
  }
  return Math.max(0, ...counts.values()) <= own;
}
