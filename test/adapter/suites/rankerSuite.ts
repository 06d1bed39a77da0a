/** One bundle, many questions at once: real weights, and no score that belongs to another. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Bundle, type Verified, verifyBundle } from "../../../src/adapter/bundle.ts";
import { BundleRanker } from "../../../src/adapter/bundleRanker.ts";
import { loadEncoder, loadRanker, type StartEngine } from "../../../src/adapter/load.ts";
import type { CandidateText, RankedQuestion, Ranker } from "../../../src/adapter/ranker.ts";
import type { Question } from "../../../src/tasks/question.ts";
import type { Surroundings } from "./surroundings.ts";

const never = new AbortController().signal;
export function rankerSuite(surroundings: Surroundings): void {
  let bundle: Verified<Bundle>;
  let ranker: Ranker;

  async function load(places: number, queue: number): Promise<Ranker> {
    const loaded = await loadEncoder(bundle, surroundings.startEngine);
    if (!loaded.ok) throw new Error(loaded.failure.kind);
    const { tokenizer, engine } = loaded.value;
    return new BundleRanker(bundle.manifest, tokenizer, engine, { places, queue });
  }

  /** A ranker whose engine's calls are counted. */
  async function loadCounting(counts: { encoded: number; scored: number }): Promise<Ranker> {
    const start: StartEngine = async (from) => {
      const engine = await surroundings.startEngine(from);
      return {
        encodePrefix: (input) => {
          counts.encoded += 1;
          return engine.encodePrefix(input);
        },
        score: (prefix, input) => {
          counts.scored += 1;
          return engine.score(prefix, input);
        },
        heapBytes: () => engine.heapBytes(),
        close: () => engine.close(),
      };
    };
    const loaded = await loadRanker(bundle, start);
    if (!loaded.ok) throw new Error(loaded.failure.kind);
    return loaded.value;
  }

  beforeAll(async () => {
    const verified = await verifyBundle(surroundings.bundle, { keep: surroundings.roles });
    if (!verified.ok) throw new Error(verified.failure.kind);
    bundle = verified.value;
    ranker = await load(4, 32);
  });

  afterAll(() => ranker.retire());

  const topics = ["aspirin", "heparin", "insulin", "statins", "steroids"];
  const options = ["yes", "no"].map((label) => ({ label, text: label }));

  function questionAbout(number: number): Question {
    const topic = topics[number % topics.length];
    return { question: `Does ${topic} help in case ${number}?`, options, context: null };
  }

  function candidateOf(number: number): CandidateText {
    const answer = options[number % 2] ?? null;
    return { answer, text: `Trial ${number} says so. #### ${answer?.label}` };
  }

  function open(
    from: Ranker,
    question: Question,
    signal = never,
    owner: string | null = null,
  ): RankedQuestion {
    const opened = from.open(question, signal, owner);
    if (!opened.ok) throw new Error(opened.failure.kind);
    return opened.value;
  }

  async function logitOf(session: RankedQuestion, candidate: CandidateText): Promise<number> {
    const score = await session.score(candidate);
    if (!score.ok) throw new Error(score.failure.kind);
    return score.value.logit;
  }

  /** Logits of a question asked alone. */
  async function alone(question: Question, candidates: CandidateText[]): Promise<number[]> {
    const session = open(ranker, question);
    const logits = [];
    for (const candidate of candidates) logits.push(await logitOf(session, candidate));
    session.close();
    return logits;
  }

  describe(`a ranker on ${surroundings.engine}`, () => {
    test("scores by question and by candidate", async () => {
      const [a, b] = await alone(questionAbout(0), [candidateOf(0), candidateOf(1)]);
      const [c] = await alone(questionAbout(1), [candidateOf(0)]);
      expect(new Set([a, b, c]).size).toBe(3);
    });

    test("twenty questions at once get the scores each gets alone", async () => {
      const numbers = Array.from({ length: 20 }, (_, i) => i);
      const candidates = (n: number) => [n, n + 1, n + 2].map(candidateOf);
      const expected = [];
      for (const n of numbers) expected.push(await alone(questionAbout(n), candidates(n)));
      const got = await Promise.all(numbers.map((n) => alone(questionAbout(n), candidates(n))));
      expect(got).toEqual(expected);
      expect(ranker.load()).toMatchObject({ held: 0, waiting: 0 });
    });

    test("takes turns: a question with one candidate need not wait for one with twelve", async () => {
      const many = open(ranker, questionAbout(1));
      const ended: string[] = [];
      const slow = Promise.all(
        Array.from({ length: 12 }, async (_, i) => {
          await many.score(candidateOf(i));
          ended.push("many");
        }),
      );
      const one = open(ranker, questionAbout(2));
      await one.score(candidateOf(0));
      ended.push("one");
      await slow;
      expect(ended.indexOf("one")).toBeLessThan(6);
      many.close();
      one.close();
    });

    test("scores equal candidates once, and others with the same text but another answer anew", async () => {
      const session = open(ranker, questionAbout(3));
      const candidate = candidateOf(4);
      const first = session.score(candidate);
      expect(session.score({ ...candidate })).toBe(first);
      expect(session.score({ ...candidate, answer: null })).not.toBe(first);
      await first;
      session.close();
    });

    test("scores texts that differ in case, accents and white space once; any other anew", async () => {
      const counts = { encoded: 0, scored: 0 };
      const counted = await loadCounting(counts);
      const before = counts.scored;
      const session = open(counted, questionAbout(3));
      const answer = options[0] ?? null;
      const texts = ["The café says  yes.", " the CAFE says\n yes. ", "the cafe\tsays yes."];
      const same = await Promise.all(texts.map((text) => session.score({ answer, text })));
      expect(new Set(same).size).toBe(1);
      expect(counts.scored - before).toBe(1);
      const other = await session.score({ answer, text: "the cafe says yes!" });
      expect(other).not.toEqual(same[0]);
      expect(counts.scored - before).toBe(2);
      session.close();
      await counted.retire();
    });

    test("encodes a question once for its owner's requests, and again for another owner", async () => {
      const counts = { encoded: 0, scored: 0 };
      const counted = await loadCounting(counts);
      const before = counts.encoded;
      const logits: number[] = [];
      for (const owner of ["a", "a", "b", null, null]) {
        const session = open(counted, questionAbout(4), never, owner);
        logits.push(await logitOf(session, candidateOf(1)));
        expect(session.prefixTokens).toBeGreaterThan(1);
        session.close();
      }
      expect(new Set(logits).size).toBe(1);
      expect(counts.encoded - before).toBe(4);
      expect(counted.load().held).toBe(0);
      await counted.retire();
    });

    test("says when the candidate or the context was cut", async () => {
      const long = "The trial was large. ".repeat(200);
      const session = open(ranker, { ...questionAbout(0), context: long });
      expect(session).toMatchObject({ truncated: true, prefixTokens: 384 });
      expect(await session.score({ answer: null, text: long })).toMatchObject({
        value: { truncated: true },
      });
      expect(await session.score(candidateOf(0))).toMatchObject({ value: { truncated: false } });
      session.close();
    });

    test("refuses a question that does not fit, before it takes a place", () => {
      const question = { ...questionAbout(0), question: "heart ".repeat(400) };
      expect(ranker.open(question, never)).toMatchObject({
        ok: false,
        failure: { kind: "question_too_long", limit: 384 },
      });
      expect(ranker.refusal(question)).toMatchObject({ kind: "question_too_long", limit: 384 });
      expect(ranker.refusal(questionAbout(0))).toBeNull();
      expect(ranker.load().held).toBe(0);
    });
  });

  describe(`ends on ${surroundings.engine}`, () => {
    test("closing gives the place back and makes what is under way and what comes aborted", async () => {
      const session = open(ranker, questionAbout(5));
      const waiting = [session.score(candidateOf(0)), session.score(candidateOf(1))];
      session.close();
      session.close();
      const aborted = { ok: false, failure: { kind: "aborted" } };
      expect(await Promise.all(waiting)).toEqual([aborted, aborted]);
      expect(await session.score(candidateOf(2))).toEqual(aborted);
      expect(await session.ready).toEqual(aborted);
      expect(ranker.load().held).toBe(0);
    });

    test("a signal does the same, also one that fired before", async () => {
      const leaver = new AbortController();
      const session = open(ranker, questionAbout(6), leaver.signal);
      await session.ready;
      const score = session.score(candidateOf(0));
      leaver.abort();
      expect(await score).toEqual({ ok: false, failure: { kind: "aborted" } });
      const late = open(ranker, questionAbout(6), leaver.signal);
      expect(await late.ready).toEqual({ ok: false, failure: { kind: "aborted" } });
      expect(ranker.load()).toMatchObject({ held: 0, waiting: 0 });
    });

    test("with places and queue full it says so at once; the queue is served in order", async () => {
      const small = await load(1, 1);
      const first = open(small, questionAbout(0));
      const second = open(small, questionAbout(1));
      expect(small.open(questionAbout(2), never)).toMatchObject({
        ok: false,
        failure: { kind: "overloaded" },
      });
      expect(small.refusal(questionAbout(2))).toMatchObject({ kind: "overloaded" });
      const score = second.score(candidateOf(1));
      await first.ready;
      expect(small.load()).toMatchObject({ held: 1, waiting: 1 });
      first.close();
      expect(await score).toMatchObject({ ok: true });
      second.close();
      await small.retire();
    });

    test("a retired ranker finishes what is open, opens no more, then frees its engine", async () => {
      const old = await load(4, 4);
      const session = open(old, questionAbout(0));
      let freed = false;
      const retired = old.retire().then(() => {
        freed = true;
      });
      expect(old.open(questionAbout(1), never)).toEqual({
        ok: false,
        failure: { kind: "retired" },
      });
      expect(await session.score(candidateOf(0))).toMatchObject({ ok: true });
      expect(freed).toBe(false);
      session.close();
      await retired;
      // The other ranker, in the same WebAssembly heap, is none the worse for it.
      const [logit] = await alone(questionAbout(0), [candidateOf(0)]);
      expect(logit).toBeTypeOf("number");
    });
  });
}
