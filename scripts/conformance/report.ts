/** The results for a terminal, and as the table of `docs/compat.md`. */
import type { ServerFamily } from "./servers.ts";

export interface Result {
  readonly check: string;
  /** `none`: the server has nothing to check here. */
  readonly state: "ok" | "differs" | "none";
  /** What was seen, in our words. */
  readonly seen: string;
}

const marks = { ok: "ok", differs: "DIFFERS", none: "-" } as const;

/** A line for a terminal. */
export function terminal({ check, state, seen }: Result): string {
  return `${`${marks[state].padEnd(8)}${check.padEnd(WIDTH)}${seen}`.trimEnd()}\n`;
}

/** The longest name of a check, and two. */
const WIDTH = 47;

const begin = "<!-- npm run conformance -- --write: from here -->";
const end = "<!-- to here -->";

/** The page with its tables written anew; what stands around them stays. */
export function page(
  text: string,
  all: readonly { family: ServerFamily; results: readonly Result[] }[],
): string {
  const [before, rest] = text.split(begin);
  const after = rest?.split(end)[1];
  if (before === undefined || after === undefined) throw new Error("docs/compat.md has no marks");
  const tables = all.map(({ family, results }) => {
    const rows = results.map(
      ({ check, state, seen }) => `| ${check} | ${marks[state]} | ${seen} |`,
    );
    return [
      `### ${family.name}: ${family.what}`,
      "",
      "| check | | seen |",
      "|---|---|---|",
      ...rows,
    ].join("\n");
  });
  return `${before}${begin}\n\n${tables.join("\n\n")}\n\n${end}${after}`;
}
