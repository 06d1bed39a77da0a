/** The word lists of `lexicon.json` as sets. */
import words from "./lexicon.json" with { type: "json" };

type ListName = Exclude<keyof typeof words, "about">;

const { about: _about, ...lists } = words;

export const lexicon = Object.fromEntries(
  Object.entries(lists).map(([name, list]) => [name, new Set(list)]),
) as unknown as Readonly<Record<ListName, ReadonlySet<string>>>;
