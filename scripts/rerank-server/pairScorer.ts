/**
 * Scores pairs of texts with a bundle's own engine. The texts come as `src/adapter/template.ts` renders them by
 * template `medadapter-1`: the parts, with U+001E between them, become the very ids that the Worker's engines get.
 * Without that character a query is a question alone, a text a candidate without a parsed answer.
 */
import type { EncoderInput, Engine } from "../../src/adapter/engine.ts";
import type { Manifest } from "../../src/adapter/manifest.ts";
import { PrefixCache } from "../../src/adapter/prefixCache.ts";
import { fail, ok, type Result } from "../../src/adapter/result.ts";
import {
  encodeCandidate,
  encodeQuestion,
  PART_SEPARATOR,
  type QuestionTooLong,
} from "../../src/adapter/template.ts";
import type { TextTokenizer } from "../../src/adapter/tokenizer.ts";

export interface PairScores {
  /** Logits, in the order of the texts. */
  readonly logits: readonly number[];
  /** Tokens read: the query's once, and each text's. */
  readonly tokens: number;
}

export interface PairScorerParts {
  readonly manifest: Manifest;
  readonly tokenizer: TextTokenizer;
  readonly engine: Engine;
}

/** Candidates come one after another, so a query's keys and values are kept for the next of them. */
const kept = { entries: 8, bytes: 512 * 2 ** 20, maxAgeMs: 60_000 };
/** There is one owner: whoever has the server's key. */
const OWNER = "server";

export class PairScorer {
  readonly #parts: PairScorerParts;
  readonly #prefixes: PrefixCache;

  constructor(parts: PairScorerParts) {
    this.#parts = parts;
    this.#prefixes = new PrefixCache(parts.engine, kept);
  }

  /** Rejects with `EngineError`. */
  async score(
    query: string,
    texts: readonly string[],
  ): Promise<Result<PairScores, QuestionTooLong>> {
    const { tokenizer, engine, manifest } = this.#parts;
    const [head, context] = split(query);
    const question = { question: head, options: [], context: context ?? null };
    const prefix = encodeQuestion(tokenizer, manifest.budget, question);
    if (!prefix.ok) return fail(prefix.failure);
    const lent = await this.#prefixes.take(OWNER, prefix.value);
    try {
      const logits: number[] = [];
      let tokens = prefix.value.ids.length;
      for (const text of texts) {
        const input = this.#candidate(text);
        logits.push(await engine.score(lent.prefix, input));
        tokens += input.ids.length;
        await turn();
      }
      return ok({ logits, tokens });
    } finally {
      lent.release();
    }
  }

  #candidate(pairText: string): EncoderInput {
    const { tokenizer, manifest } = this.#parts;
    const [first, second] = split(pairText);
    const lead = second === undefined ? "" : first;
    const answer = { label: lead, text: lead };
    const text = second ?? first;
    return encodeCandidate(tokenizer, manifest.budget, "", true, { answer, text });
  }
}

/** The parts before and after the first seam. */
function split(text: string): [string, string?] {
  const at = text.indexOf(PART_SEPARATOR);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

/** Lets other requests in between two candidates. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
