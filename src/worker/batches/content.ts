/**
 * What we keep of a batch in the bucket: its lines until it ends, its outcomes until it expires. All of it is encrypted.
 * An object holds several encrypted lines. Before each stands its length: 4 bytes, the most significant first.
 */
import { type Sealer, sealerFor } from "../http/seal.ts";
import { batchPrefix } from "./batch.ts";

export const FILES = ["results", "errors"] as const;
export type BatchFile = (typeof FILES)[number];

const utf8 = new TextEncoder();

export class BatchContent {
  readonly #bucket: R2Bucket;
  readonly #prefix: string;
  readonly #id: string;
  readonly #sealer: Sealer;

  private constructor(bucket: R2Bucket, tenant: string, id: string, sealer: Sealer) {
    this.#bucket = bucket;
    this.#prefix = batchPrefix(tenant, id);
    this.#id = id;
    this.#sealer = sealer;
  }

  static async of(
    bucket: R2Bucket,
    secret: string,
    tenant: string,
    id: string,
  ): Promise<BatchContent> {
    return new BatchContent(bucket, tenant, id, await sealerFor(secret, tenant, "batches"));
  }

  /** Keeps lines; none holds a line end. */
  async putChunk(chunk: number, lines: readonly string[]): Promise<void> {
    const about = `${this.#id}/input/${chunk}`;
    const sealed = await this.#sealer.seal(utf8.encode(lines.join("\n")), about);
    await this.#bucket.put(this.#chunkKey(chunk), sealed);
  }

  /** Null where the lines have gone, or cannot be opened. */
  async readChunk(chunk: number): Promise<readonly string[] | null> {
    const found = await this.#bucket.get(this.#chunkKey(chunk));
    if (found === null) return null;
    const sealed = new Uint8Array(await found.arrayBuffer());
    const bytes = await this.#sealer.open(sealed, `${this.#id}/input/${chunk}`);
    return bytes === null ? null : new TextDecoder().decode(bytes).split("\n");
  }

  /** A line of a file, as the batch's object takes it. */
  seal(file: BatchFile, line: object): Promise<Uint8Array> {
    return this.#sealer.seal(utf8.encode(JSON.stringify(line)), `${this.#id}/${file}`);
  }

  /** The lines of a file, as JSON lines. Throws where one cannot be opened. */
  async *read(file: BatchFile): AsyncGenerator<Uint8Array, void> {
    let cursor: string | undefined;
    do {
      const listed = await this.#bucket.list({
        prefix: `${this.#prefix}${file}/`,
        ...(cursor === undefined ? {} : { cursor }),
      });
      for (const { key } of listed.objects) {
        const found = await this.#bucket.get(key);
        const lines = found === null ? [] : linesIn(new Uint8Array(await found.arrayBuffer()));
        if (lines === null) throw new Error("a segment is cut");
        for (const sealed of lines) yield await this.#open(file, sealed);
      }
      cursor = listed.truncated ? listed.cursor : undefined;
    } while (cursor !== undefined);
  }

  async #open(file: BatchFile, sealed: Uint8Array): Promise<Uint8Array> {
    const bytes = await this.#sealer.open(sealed, `${this.#id}/${file}`);
    if (bytes === null) throw new Error("a line cannot be opened");
    const line = new Uint8Array(bytes.length + 1);
    line.set(bytes);
    line[bytes.length] = 0x0a;
    return line;
  }

  #chunkKey(chunk: number): string {
    return `${this.#prefix}input/${String(chunk).padStart(6, "0")}`;
  }
}

/** A keyed hash over all lines, computed chunk by chunk: each step hashes the value before and the next lines. */
export async function chainOf(
  secret: string,
  tenant: string,
): Promise<(before: string, lines: readonly string[]) => Promise<string>> {
  const sealer = await sealerFor(secret, tenant, "batches");
  return (before, lines) => sealer.mac("chain", before, lines.join("\n"));
}

const LENGTH_BYTES = 4;

/** All lines, framed. */
export function framed(lines: readonly Uint8Array[]): Uint8Array {
  const size = lines.reduce((sum, { length }) => sum + LENGTH_BYTES + length, 0);
  const whole = new Uint8Array(size);
  const view = new DataView(whole.buffer);
  let at = 0;
  for (const line of lines) {
    view.setUint32(at, line.length);
    whole.set(line, at + LENGTH_BYTES);
    at += LENGTH_BYTES + line.length;
  }
  return whole;
}

/** The lines in an object; null where it is not framed to its end. */
export function linesIn(whole: Uint8Array): Uint8Array[] | null {
  const view = new DataView(whole.buffer, whole.byteOffset, whole.byteLength);
  const lines: Uint8Array[] = [];
  let at = 0;
  while (at < whole.length) {
    if (at + LENGTH_BYTES > whole.length) return null;
    const end = at + LENGTH_BYTES + view.getUint32(at);
    if (end > whole.length) return null;
    lines.push(whole.subarray(at + LENGTH_BYTES, end));
    at = end;
  }
  return lines;
}

/** The most objects that one call of R2 deletes. */
const KEYS = 1_000;

export async function purge(bucket: R2Bucket, prefix: string): Promise<void> {
  for (;;) {
    const { objects, truncated } = await bucket.list({ prefix, limit: KEYS });
    if (objects.length > 0) await bucket.delete(objects.map(({ key }) => key));
    if (!truncated) return;
  }
}
