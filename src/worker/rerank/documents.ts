/** The texts of a request as the adapter reads them: structured documents as text, over-long ones without their middle. */
import { fieldProblem } from "../http/problems.ts";
import type { CohereBody, Document, RerankBody } from "./schema.ts";

/**
 * Characters of a text that are looked at: its beginning and its end. An adapter reads some hundred tokens of a text, so
 * nothing is lost that it would read, and no text costs more than this.
 */
const MOST_CHARS = 32_768;

export interface GivenText {
  readonly text: string;
  /** Cut here, before the adapter counts its tokens. */
  readonly cut: boolean;
}

/** A text of at most `MOST_CHARS` characters: the middle goes. No pair of surrogates is torn. */
export function cutMiddle(text: string): GivenText {
  if (text.length <= MOST_CHARS) return { text: text.toWellFormed(), cut: false };
  const half = MOST_CHARS / 2;
  const kept = `${text.slice(0, half)} ${text.slice(text.length - half)}`;
  return { text: kept.toWellFormed(), cut: true };
}

/** The texts in their order. Throws `Problem` naming a document without text. */
export function textsOf(body: RerankBody): GivenText[] {
  if ("texts" in body) return body.texts.map(cutMiddle);
  return body.documents.map((document, at) =>
    cutMiddle(documentText(document, body.rank_fields ?? null, at)),
  );
}

/**
 * As Cohere's services read one: a text as it is. Of an object the `rank_fields` in their order; without those its `text`;
 * without that all of it, a line a field, as the V2 API asks for structured data.
 */
function documentText(
  document: Document,
  rankFields: readonly string[] | null,
  at: number,
): string {
  if (typeof document === "string") return document;
  const names =
    rankFields ?? (typeof document.text === "string" ? ["text"] : Object.keys(document));
  const given = names.flatMap((name): [string, string][] => {
    const value = Object.hasOwn(document, name) ? valueText(document[name]) : null;
    return value === null ? [] : [[name, value]];
  });
  if (given.length === 0) {
    const reason = rankFields === null ? "must have a field" : "has none of rank_fields";
    throw fieldProblem("invalid_request", `documents[${at}]`, reason);
  }
  const [only] = given;
  if (names.length === 1 && only !== undefined) return only[1];
  return given.map(([name, value]) => `${name}: ${value}`).join("\n");
}

/** A field's value as text; null: it has none. */
function valueText(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  if (typeof value === "string") return value;
  if (Array.isArray(value) && value.every((one) => typeof one === "string"))
    return value.join(", ");
  return JSON.stringify(value);
}

/** A document as it is given back: an object, with `text` where the caller's has none. */
export function givenBack({ documents }: CohereBody, index: number): { text: string } {
  const document = documents[index] ?? "";
  if (typeof document === "string") return { text: document };
  const text =
    typeof document.text === "string" ? document.text : documentText(document, null, index);
  return { ...document, text };
}
