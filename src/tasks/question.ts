/** What a caller asks: the words that every part of the service shares. */

/** One selectable answer. Lettered options have `label` "A"; label sets such as yes/no have `label` equal to `text`. */
export interface Option {
  readonly label: string;
  readonly text: string;
}

/** A question with its options (empty for free text) and what it may be answered from. */
export interface Question {
  readonly question: string;
  readonly options: readonly Option[];
  /** What the LLM is shown beside the question; the adapter reads it too. */
  readonly context: string | null;
  /** What the adapter alone reads, in the context's place: it is shown to no LLM. Absent: nothing. */
  readonly evidence?: string;
}

/** What the adapter reads beside question and options: the context, or else the evidence. */
export function readByAdapter({ context, evidence }: Question): string | null {
  return context ?? evidence ?? null;
}

/** The adapter reads what the LLM was not shown. */
export function isEvidenceUnseen({ context, evidence }: Question): boolean {
  return context === null && evidence !== undefined;
}

/** One message to an LLM, in the form that chat APIs share. */
export interface ChatMessage {
  readonly role: "system" | "user" | "assistant";
  readonly content: string;
}
