/** An answer's id as its stored record is named: the same for `/v1/answer` and for chat completions. */

const FORM = /^(?:req_|chatcmpl-)([0-9a-f]{32})$/;

/** Null where the text is no answer's id. */
export function feedbackId(answerId: string): string | null {
  return FORM.exec(answerId)?.[1] ?? null;
}
