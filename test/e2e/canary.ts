/** Canaries: texts that are nowhere else, one a field, and the search for them in files, whatever form they take. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative } from "node:path";

/** Changes with every run, so that nothing written down before is found. */
const prefix = `canary${crypto.randomUUID().replaceAll("-", "").slice(0, 12)}`;

/** The canary of a field: letters and digits alone, so that it is valid wherever a text is. */
export function canary(field: string): string {
  if (!/^[A-Za-z0-9]+$/.test(field)) throw new Error("a field is named by letters and digits");
  return `${prefix}zz${field}zz`;
}

/** Fields whose canaries stand in the text; also where it was base64, UTF-16 or upside down in case. */
export function canariesIn(bytes: Uint8Array | string): string[] {
  const raw = typeof bytes === "string" ? Buffer.from(bytes) : Buffer.from(bytes);
  const text = raw.toString("latin1");
  const lower = text.toLowerCase();
  const found = [...lower.matchAll(new RegExp(`${prefix}zz([a-z0-9]+?)zz`, "g"))].map(
    ([, field = ""]) => field,
  );
  for (const [form, needle] of encodedForms()) if (text.includes(needle)) found.push(form);
  return [...new Set(found)];
}

/** The prefix as it would stand in UTF-16, and in base64 at each of its three places. */
function encodedForms(): [string, string][] {
  const wide = Buffer.from(prefix, "utf16le").toString("latin1");
  const places = [0, 1, 2].map((shift): [string, string] => {
    const whole = Buffer.from(`${"x".repeat(shift)}${prefix}`).toString("base64");
    // Letters at both ends depend on what stands beside them.
    return [`base64, ${shift}`, whole.slice(shift === 0 ? 0 : shift + 1, -4)];
  });
  return [["UTF-16", wide], ...places];
}

/** Paths of all files below a folder; links are not followed. */
export function filesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return filesBelow(path);
    return entry.isFile() ? [path] : [];
  });
}

/** `file: field` for every canary in the files below a folder. */
export function canariesBelow(folder: string): string[] {
  return filesBelow(folder).flatMap((path) =>
    canariesIn(readFileSync(path)).map((field) => `${relative(folder, path)}: ${field}`),
  );
}

/** Files below a folder that hold the text in clear, from the folder, with their sizes in bytes. */
export function filesWith(folder: string, text: string): string[] {
  return filesBelow(folder)
    .filter((path) => readFileSync(path).includes(text))
    .map((path) => `${relative(folder, path)} (${statSync(path).size})`);
}
