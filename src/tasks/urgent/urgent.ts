/**
 * Whether a question reports an emergency or self-harm that is happening now, as far as words can show it. A short reviewed list (rules.json) is matched word by word within a sentence, in English only. This
 * is not triage, and it misses most ways to say such a thing (docs/limits.md).
 */
import { z } from "zod";
import standard from "./rules.json" with { type: "json" };

const words = z.array(z.string().min(1).max(40)).max(200);

const rule = z.strictObject({
  id: z.string().regex(/^[a-z0-9-]{1,40}$/),
  kind: z.enum(["emergency", "self_harm"]),
  /** The sentence must be about the writer or their own people ("my son"), not about a patient. */
  person: z.boolean(),
  /** "I have no chest pain" does not match: a negation is at most three words before the phrase. */
  negatable: z.boolean(),
  /** Words in order; `a|b`: either; `*`: up to three words between. */
  phrases: z.array(z.string().min(1).max(300)).min(1).max(100),
});

const ruleSet = z.strictObject({
  people: words,
  others: words,
  negations: words,
  rules: z.array(rule).max(100),
});

export type UrgentRules = z.infer<typeof ruleSet>;
export type UrgentKind = z.infer<typeof rule>["kind"];

/** The list that ships. */
export const standardRules: UrgentRules = ruleSet.parse(standard);

/** Rules from JSON text of the same form as rules.json, or null. */
export function parseUrgentRules(json: string): UrgentRules | null {
  try {
    return ruleSet.parse(JSON.parse(json));
  } catch {
    return null;
  }
}

const SENTENCE_END = /[.?!;\n\r]+/u;
const WORD = /[\p{L}\p{N}]+(?:'[\p{L}\p{N}]+)*/gu;
/** Most words that `*` stands for. A negation counts at most so many words before its phrase. */
const GAP = 3;
/** Characters read. A longer question is a text about something. */
const MOST_CHARS = 8000;

/** The kind of the first rule that matches; null: none matches. */
export function urgentKind(text: string, rules: UrgentRules): UrgentKind | null {
  const people = new Set(rules.people);
  const others = new Set(rules.others);
  const negations = new Set(rules.negations);
  for (const sentence of sentencesOf(text)) {
    const personal = sentence.some((w) => people.has(w)) && !sentence.some((w) => others.has(w));
    for (const { kind, person, negatable, phrases } of rules.rules) {
      if (person && !personal) continue;
      const isHit = (start: number) =>
        !negatable ||
        !sentence.slice(Math.max(0, start - GAP), start).some((w) => negations.has(w));
      if (phrases.some((phrase) => startsOf(phrase, sentence).some(isHit))) return kind;
    }
  }
  return null;
}

function sentencesOf(text: string): string[][] {
  return text
    .slice(0, MOST_CHARS)
    .normalize("NFKC")
    .toLowerCase()
    .replaceAll("\u2019", "'")
    .split(SENTENCE_END)
    .map((sentence) => sentence.match(WORD) ?? [])
    .filter((sentence) => sentence.length > 0);
}

/** Where a phrase begins in a sentence. */
function startsOf(phrase: string, sentence: readonly string[]): number[] {
  const parts = phrase.split(" ").map((part) => part.split("|"));
  return sentence.flatMap((_, start) => (matchesAt(parts, sentence, start) ? [start] : []));
}

function matchesAt(
  parts: readonly (readonly string[])[],
  sentence: readonly string[],
  at: number,
): boolean {
  const [first, ...rest] = parts;
  if (first === undefined) return true;
  if (first[0] === "*") {
    for (let gap = 0; gap <= GAP; gap += 1) {
      if (matchesAt(rest, sentence, at + gap)) return true;
    }
    return false;
  }
  const word = sentence[at];
  return word !== undefined && first.includes(word) && matchesAt(rest, sentence, at + 1);
}
