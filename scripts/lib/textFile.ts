/** Files of text that may be packed, as candidate files are. */
import { gunzipSync } from "node:zlib";

/** UTF-8 text of a file's bytes, unpacked where its name ends in .gz. Throws where they are neither. */
export function fileText(file: string, bytes: Uint8Array): string {
  const plain = file.endsWith(".gz") ? gunzipSync(bytes) : bytes;
  return new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(plain);
}

/** Lines that hold something. */
export function filledLines(text: string): string[] {
  return text.split("\n").filter((line) => line.trim() !== "");
}
