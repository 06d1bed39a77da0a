/**
 * Shell blocks of a document, and what is to become of them. A comment that readers do not see stands before each:
 * `<!-- shell: run -->` (must succeed), `<!-- shell: fails -->` (must not), `<!-- shell: not run, REASON -->`.
 */

export interface ShellBlock {
  /** Line of its first command, from 1. */
  readonly line: number;
  readonly text: string;
  /** Null: it says nothing that is known. */
  readonly mark: Mark | null;
}

export type Mark =
  | { readonly kind: "run" }
  | { readonly kind: "fails" }
  | { readonly kind: "not run"; readonly reason: string };

const FENCE = /^```(\w*)\n(.*?)^```$/gmsu;
/** Words that a line of a shell begins with, for blocks that do not say what they are. */
const COMMAND =
  /^(\$ |sudo |npm |npx |node |python3? |pip |curl |wrangler |git |cd |export |docker |medadapter-train )/mu;

/** Blocks that are marked as shell, and those that look like it. */
export function shellBlocks(document: string): ShellBlock[] {
  return [...document.matchAll(FENCE)].flatMap((match) => {
    const [, language = "", text = ""] = match;
    const shell = ["sh", "bash", "shell", "console"].includes(language);
    if (!shell && !(language === "" && COMMAND.test(text))) return [];
    const before = document.slice(0, match.index);
    const line = before.split("\n").length + 1;
    return [{ line, text, mark: shell ? markBefore(before) : null }];
  });
}

function markBefore(before: string): Mark | null {
  const comment = /<!-- shell: ([^\n]*?) -->\n$/u.exec(before)?.[1];
  if (comment === "run" || comment === "fails") return { kind: comment };
  const reason = /^not run, (.{10,})$/u.exec(comment ?? "")?.[1];
  return reason === undefined ? null : { kind: "not run", reason };
}
