/** The rows as a table for a terminal. */

/**
 * @typedef {object} Row
 * @property {string} what
 * @property {"ok" | "missing" | "optional"} state optional: missing, but only some commands need it
 * @property {string} found what there is
 * @property {string} [fix] how to mend it
 */

/**
 * @param {Row[]} rows
 * @param {string} [last] the last column's head
 */
export function table(rows, last = "how to fix") {
  const heads = ["", "what", "found", last];
  const cells = rows.map(({ what, state, found, fix }) => [state, what, found, fix ?? ""]);
  const widths = heads.map((head, at) =>
    Math.max(head.length, ...cells.map((row) => row[at].length)),
  );
  const line = (row) =>
    row
      .map((cell, at) => cell.padEnd(widths[at]))
      .join("  ")
      .trimEnd();
  const missing = rows.filter(({ state }) => state === "missing").length;
  const end = missing === 0 ? "Nothing that is needed is missing." : `${missing} missing.`;
  return [line(heads), line(widths.map((width) => "-".repeat(width))), ...cells.map(line), "", end]
    .map((text) => `${text}\n`)
    .join("");
}
