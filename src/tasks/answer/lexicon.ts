/** The word lists of `lexicon.json` as sets. */
import words from "./lexicon.json" with { type: "json" };

const sets = {
  nouns: new Set(words.nouns),
  qualifiers: new Set(words.qualifiers),
  copulas: new Set(words.copulas),
  fillers: new Set(words.fillers),
  connectors: new Set(words.connectors),
  negations: new Set(words.negations),
  hedges: new Set(words.hedges),
  nothing: new Set(words.nothing),
  joiners: new Set(words.joiners),
  conclusions: new Set(words.conclusions),
  choosing: new Set(words.choosing),
  rights: new Set(words.rights),
  superlatives: new Set(words.superlatives),
} as const;

export const lexicon: Readonly<Record<keyof typeof sets, ReadonlySet<string>>> = sets;
