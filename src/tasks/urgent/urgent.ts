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
/** Characters that show nothing: soft hyphen, joiners, marks of direction, variation selectors, zero-width spaces. */
const UNSEEN = /\p{Default_Ignorable_Code_Point}/gu;
/** Blanks that Unicode calls letters or symbols. */
const BLANK = /\u115f|\u1160|\u2800|\u3164|\uffa0/gu;
const APOSTROPHE = /[\u2018\u2019\u02bc\u00b4`]/gu;

/**
 * The kind of the first rule that matches, in the first sentence that one matches; null: none does. All of the text is
 * read, in linear time. What shows nothing is read as nothing and, since a zero-width space may divide words, as a space.
 */
export function urgentKind(text: string, rules: UrgentRules): UrgentKind | null {
  const list = compiled(rules);
  const blanks = text.replace(BLANK, " ");
  const joined = blanks.replace(UNSEEN, "");
  const found = firstKind(joined, list);
  if (found !== null || joined.length === text.length) return found;
  return firstKind(blanks.replace(UNSEEN, " "), list);
}

/** A phrase, and the rule that it belongs to. */
interface Phrase {
  readonly rule: number;
  readonly kind: UrgentKind;
  readonly person: boolean;
  readonly negatable: boolean;
  readonly parts: readonly (readonly string[])[];
}

interface RuleList {
  readonly people: ReadonlySet<string>;
  readonly others: ReadonlySet<string>;
  readonly negations: ReadonlySet<string>;
  /** By each word that they may begin with. */
  readonly phrases: ReadonlyMap<string, readonly Phrase[]>;
}

const lists = new WeakMap<UrgentRules, RuleList>();

/** Made once for each list: no text is then compared with phrases that begin with another word. */
function compiled(rules: UrgentRules): RuleList {
  const known = lists.get(rules);
  if (known !== undefined) return known;
  const phrases = new Map<string, Phrase[]>();
  for (const [rule, { kind, person, negatable, phrases: texts }] of rules.rules.entries()) {
    for (const text of texts) {
      const parts = text.split(" ").map((part) => part.split("|"));
      while (parts[0]?.[0] === "*") parts.shift(); // a phrase begins with a word
      for (const word of new Set(parts[0] ?? [])) {
        const others = phrases.get(word) ?? [];
        phrases.set(word, [...others, { rule, kind, person, negatable, parts }]);
      }
    }
  }
  const { people, others, negations } = rules;
  const list = {
    people: new Set(people),
    others: new Set(others),
    negations: new Set(negations),
    phrases,
  };
  lists.set(rules, list);
  return list;
}

function firstKind(text: string, list: RuleList): UrgentKind | null {
  for (const sentence of sentencesOf(text)) {
    const hit = firstHit(sentence, list);
    if (hit !== null) return hit.kind;
  }
  return null;
}

/** The phrase of the first rule that matches in a sentence. */
function firstHit(sentence: readonly string[], list: RuleList): Phrase | null {
  const { people, others, negations, phrases } = list;
  const personal = sentence.some((w) => people.has(w)) && !sentence.some((w) => others.has(w));
  let first: Phrase | null = null;
  for (const [start, word] of sentence.entries()) {
    for (const phrase of phrases.get(word) ?? []) {
      if (first !== null && first.rule <= phrase.rule) continue;
      if (phrase.person && !personal) continue;
      const negated =
        phrase.negatable &&
        sentence.slice(Math.max(0, start - GAP), start).some((w) => negations.has(w));
      if (!negated && matchesAt(phrase.parts, sentence, start)) first = phrase;
    }
  }
  return first;
}

function sentencesOf(text: string): string[][] {
  return text
    .normalize("NFKC")
    .toLowerCase()
    .replace(APOSTROPHE, "'")
    .split(SENTENCE_END)
    .map((sentence) => sentence.match(WORD) ?? [])
    .filter((sentence) => sentence.length > 0);
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
