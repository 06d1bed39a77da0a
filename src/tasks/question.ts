/** What a caller asks: the words that every part of the service shares. */

/** One selectable answer. Lettered options have `label` "A"; label sets such as yes/no have `label` equal to `text`. */
export interface Option {
  readonly label: string;
  readonly text: string;
}

/** A question with its options (empty for free text) and the evidence it may be answered from. */
export interface Question {
  readonly question: string;
  readonly options: readonly Option[];
  readonly context: string | null;
}

/** One message to an LLM, in the form that chat APIs share. */
export interface ChatMessage {
  readonly role: "system" | "user" | "assistant";
  readonly content: string;
}
