/** A body as text, no more of it than is wanted: what the other side sends is not ours to trust. */

export interface ReadText {
  readonly text: string;
  /** The body ended within the limit. */
  readonly whole: boolean;
}

/** The beginning of a body, at most about `maxBytes`; the rest is not read. Rejects where the body breaks off. */
export async function readUpTo(
  body: ReadableStream<Uint8Array> | null,
  maxBytes: number,
): Promise<ReadText> {
  if (body === null) return { text: "", whole: true };
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > maxBytes) {
      text += decoder.decode(chunk.subarray(0, chunk.length - (bytes - maxBytes)));
      return { text, whole: false };
    }
    text += decoder.decode(chunk, { stream: true });
  }
  return { text: text + decoder.decode(), whole: true };
}
