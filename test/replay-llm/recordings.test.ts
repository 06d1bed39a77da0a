/** Finding the recorded question in a conversation, and reading recordings. */
import { describe, expect, it } from "vitest";
import { parsePace, schedule, tokenPieces } from "../../scripts/replay-llm/pacing.ts";
import {
  parseRecordings,
  type Recording,
  RecordingBook,
} from "../../scripts/replay-llm/recordings.ts";
import { RECORDINGS } from "../llm/replay.ts";

const recording = (id: string, question: string, context: string | null = null): Recording => {
  return { id, question, context, candidates: [{ text: "#### yes" }] };
};
const user = (text: string) => ({ role: "user", text });

describe("finding a question", () => {
  it("does not mind case, white space or what stands around it", () => {
    const book = new RecordingBook([recording("a", "Does zinc shorten a cold?")]);
    const asked = user("QUESTION:\n  does ZINC\n shorten\ta cold?  A. yes");
    expect(book.find([asked])?.id).toBe("a");
    expect(book.find([user("Does zinc shorten a fever?")])).toBeNull();
  });

  it("takes the longest where one holds another", () => {
    const book = new RecordingBook([
      recording("short", "Does zinc help?"),
      recording("long", "In adults: Does zinc help?"),
    ]);
    expect(book.find([user("In adults: does zinc help?")])?.id).toBe("long");
    expect(book.find([user("In children: does zinc help?")])?.id).toBe("short");
  });

  it("looks at the last user message before worked examples", () => {
    const book = new RecordingBook([
      recording("example", "Is a very long worked example recorded as well?"),
      recording("asked", "Is zinc safe?"),
    ]);
    const example = user("Is a very long worked example recorded as well?");
    const answer = { role: "assistant", text: "#### yes" };
    expect(book.find([example, answer, user("Is zinc safe?")])?.id).toBe("asked");
    expect(book.find([example, answer, user("Go on.")])?.id).toBe("example");
  });

  it("tells questions of the same words apart by their context", () => {
    const same = "Does the statement follow?";
    const book = new RecordingBook([
      recording("fever", same, "The patient has a fever."),
      recording("cough", same, "The patient coughs."),
    ]);
    expect(book.find([user(`${same}\nThe patient  coughs.`)])?.id).toBe("cough");
    expect(book.find([user(`${same}\nThe patient sleeps.`)])).toBeNull();
  });
});

describe("reading recordings", () => {
  it("names file and line of one that is none, without its text", () => {
    const lines = `${JSON.stringify(RECORDINGS[0])}\n\n{"id":"x","question":"secret"}\n`;
    expect(() => parseRecordings(lines, "a.jsonl")).toThrow(/^a\.jsonl:3 is not a recording$/u);
    expect(() => parseRecordings("{", "b.jsonl")).toThrow(/^b\.jsonl:1 /u);
  });
});

describe("pacing", () => {
  it("splits a text into pieces that are the text again", () => {
    const texts = [
      "",
      " ",
      "a",
      "  two  words \n\n#### yes\n",
      "averyveryverylongword",
      "\u{1f600} ok",
    ];
    for (const text of [...texts, ...RECORDINGS.flatMap((r) => r.candidates.map((c) => c.text))]) {
      expect(tokenPieces(text).join("")).toBe(text);
    }
  });

  it("reads off, real, and two numbers", () => {
    expect(parsePace("off")?.tokensPerSecond).toBe(Number.POSITIVE_INFINITY);
    expect(parsePace("real")?.firstTokenMs).toBeGreaterThan(100);
    expect(parsePace("5,20")).toEqual({ firstTokenMs: 5, tokensPerSecond: 20 });
    for (const bad of ["", "fast", "5", "5,0", "-5,3"]) expect(parsePace(bad)).toBeNull();
  });

  it("never sends a choice's tokens out of order, and ends each once", () => {
    const choices = [["a", "b", "c"], [], ["d"]];
    for (const pace of [
      { firstTokenMs: 10, tokensPerSecond: 50 },
      { firstTokenMs: 0, tokensPerSecond: Number.POSITIVE_INFINITY },
    ]) {
      const sent = schedule(choices, pace, "seed");
      expect(sent.map(({ atMs }) => atMs)).toEqual(
        sent.map(({ atMs }) => atMs).toSorted((a, b) => a - b),
      );
      for (const [i, tokens] of choices.entries()) {
        const own = sent.filter(({ choice }) => choice === i);
        expect(own.map(({ token }) => token).join("")).toBe(tokens.join(""));
        expect(own.map(({ last }) => last).lastIndexOf(true)).toBe(own.length - 1);
        expect(own.filter(({ last }) => last)).toHaveLength(1);
      }
    }
  });
});
