/** The bundle's own tokenizer. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { readTokenizer, type TextTokenizer } from "../../src/adapter/tokenizer.ts";
import { bundlePath } from "./paths.node.ts";

export async function realTokenizer(): Promise<TextTokenizer> {
  const read = readTokenizer(await readFile(join(bundlePath, "tokenizer.json")), 30522);
  if (!read.ok) throw new Error(read.failure.kind);
  return read.value;
}
