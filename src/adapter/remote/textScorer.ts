/** The port to an engine outside of the isolate: it gets texts, where the built-in engines get token ids. */
import type { Result } from "../result.ts";
import type { RemoteFailure } from "./failure.ts";

/** One question and the texts to be scored with it. */
export interface PairTexts {
  readonly query: string;
  readonly texts: readonly string[];
}

export interface RemoteScores {
  /** Raw scores, one for each text, in the order of the texts. */
  readonly logits: readonly number[];
  /** Tokens that the server says it read; 0 where it does not say. */
  readonly tokens: number;
}

export interface TextScorer {
  /** Never rejects. When the signal fires it ends soon, with any failure. */
  score(pairs: PairTexts, signal: AbortSignal): Promise<Result<RemoteScores, RemoteFailure>>;
}
