/** The ids that the encoder sees are those that it saw in training: equal to Python's, text for text. */
import { beforeAll, describe, expect, test } from "vitest";
import { encodeCandidate, encodeQuestion } from "../../../src/adapter/template.ts";
import { readTokenizer, type TextTokenizer } from "../../../src/adapter/tokenizer.ts";
import { lines, type TemplateLine, type TokenizerLine } from "./golden.ts";
import type { Surroundings } from "./surroundings.ts";

const budget = { maxTokens: 512, prefixTokens: 384, candidateTokens: 128, answerTokens: 48 };

export function idsSuite(surroundings: Surroundings): void {
  describe("ids equal Python's", () => {
    let tokenizer: TextTokenizer;

    beforeAll(async () => {
      const bytes = await surroundings.bundle.read("tokenizer.json");
      const read = readTokenizer(bytes ?? new Uint8Array(), 30522);
      if (!read.ok) throw new Error(read.failure.kind);
      tokenizer = read.value;
    });

    test("of texts", async () => {
      const golden = lines<TokenizerLine>(await surroundings.fixture("tokenizer.golden.jsonl"));
      expect(golden.length).toBeGreaterThanOrEqual(200);
      const got = golden.map(({ text }) => ({ text, ids: tokenizer.encode(text) }));
      expect(got).toEqual(golden);
    });

    test("of questions and candidates under the template", async () => {
      const golden = lines<TemplateLine>(await surroundings.fixture("template.golden.jsonl"));
      expect(golden.length).toBeGreaterThanOrEqual(50);
      const got = golden.map((line) => {
        const prefix = encodeQuestion(tokenizer, budget, line);
        const answer = line.options.find((option) => option.label === line.answer) ?? null;
        const hasOptions = line.options.length > 0;
        return {
          ...line,
          prefix: prefix.ok ? prefix.value : { error: prefix.failure.kind },
          candidate: encodeCandidate(tokenizer, budget, "none", hasOptions, {
            answer,
            text: line.text,
          }),
        };
      });
      expect(got).toEqual(golden);
    });
  });
}
