/** Encoded questions that are kept: on a real engine, whose calls are counted. */
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import type { EncoderInput, Engine } from "../../src/adapter/engine.ts";
import { encoderModule } from "../../src/adapter/engines/simd/engine.node.ts";
import { startSimdEngine } from "../../src/adapter/engines/simd/engine.ts";
import {
  PrefixCache,
  type PrefixCacheLimits,
  prefixCacheLimits,
} from "../../src/adapter/prefixCache.ts";
import { input, limits, tinyEncoder } from "./simd.fixture.ts";

let engine: Engine;
let encoded: number;
/** Encoding waits until so many have been asked for. */
let together = 0;

beforeAll(async () => {
  const real = await startSimdEngine(await encoderModule(), await tinyEncoder(), limits);
  engine = {
    encodePrefix: async (ids) => {
      encoded += 1;
      await expect.poll(() => encoded >= together).toBe(true);
      return real.encodePrefix(ids);
    },
    score: (prefix, candidate) => real.score(prefix, candidate),
    heapBytes: () => real.heapBytes(),
    close: () => real.close(),
  };
});

afterAll(() => engine.close());

function cache(limits: Partial<PrefixCacheLimits> = {}): PrefixCache {
  encoded = 0;
  together = 0;
  return new PrefixCache(engine, { ...prefixCacheLimits, ...limits });
}

const questions = [1, 2, 3, 4, 5].map((id) => input([id, id + 1, id + 2]));
const [first, second] = questions as [EncoderInput, EncoderInput];
const candidate = input([7, 8, 9]);

async function use(from: PrefixCache, owner: string | null, ids: EncoderInput) {
  const lent = await from.take(owner, ids);
  const logit = await engine.score(lent.prefix, candidate);
  lent.release();
  lent.release();
  return { reused: lent.reused, logit };
}

it("a question asked again is not encoded again, and scores are the same to the bit", async () => {
  const kept = cache();
  const once = await use(kept, "a", first);
  const other = await use(kept, "a", second);
  const again = await use(kept, "a", input([...first.ids]));
  expect([once.reused, other.reused, again.reused]).toEqual([false, false, true]);
  expect(again.logit).toBe(once.logit);
  expect(other.logit).not.toBe(once.logit);
  expect(encoded).toBe(2);
  kept.close();
});

it("is found by no other owner, and not at all without one", async () => {
  const kept = cache();
  await use(kept, "a", first);
  expect((await use(kept, "b", first)).reused).toBe(false);
  expect((await use(kept, null, first)).reused).toBe(false);
  expect((await use(kept, null, first)).reused).toBe(false);
  expect((await use(kept, "a", first)).reused).toBe(true);
  expect(kept.idle).toBe(2);
  kept.close();
});

it("owners and ids are not taken for each other, however they are written", async () => {
  const kept = cache();
  await use(kept, 'a",[1', input([1, 2]));
  expect((await use(kept, "a", input([1, 1, 2]))).reused).toBe(false);
  expect((await use(kept, "a", input([11, 2]))).reused).toBe(false);
  kept.close();
});

it("the least recently used goes when there are too many", async () => {
  const kept = cache({ entries: 2 });
  await use(kept, "a", first);
  await use(kept, "a", second);
  await use(kept, "a", first);
  await use(kept, "a", questions[2] as EncoderInput);
  expect(kept.idle).toBe(2);
  expect((await use(kept, "a", first)).reused).toBe(true);
  expect((await use(kept, "a", second)).reused).toBe(false);
  kept.close();
});

it("holds no more bytes than allowed, however many requests there are", async () => {
  const probe = await engine.encodePrefix(first);
  const { bytes } = probe;
  probe.release();
  const kept = cache({ entries: 100, bytes: 2 * bytes + 1 });
  const lent = await Promise.all(questions.map((ids) => kept.take("a", ids)));
  expect(kept.idle).toBe(0);
  for (const one of lent) one.release();
  expect(kept.idle).toBe(2);
  kept.close();
  expect(kept.idle).toBe(0);
});

it("what a request uses stays while others come and go, and is shared by two of them", async () => {
  const kept = cache({ entries: 1 });
  const lent = await kept.take("a", first);
  const shared = await kept.take("a", first);
  expect(shared.prefix).toBe(lent.prefix);
  const before = await engine.score(lent.prefix, candidate);
  for (const ids of questions.slice(1)) await use(kept, "a", ids);
  shared.release();
  expect(await engine.score(lent.prefix, candidate)).toBe(before);
  lent.release();
  expect((await use(kept, "a", first)).reused).toBe(true);
  kept.close();
});

it("one that two requests encoded at the same time is kept once", async () => {
  const kept = cache();
  together = 2;
  const [one, two] = await Promise.all([kept.take("a", first), kept.take("a", first)]);
  one.release();
  two.release();
  expect(encoded).toBe(2);
  expect(kept.idle).toBe(1);
  kept.close();
});

it("is dropped when it has not been used for long", async () => {
  vi.useFakeTimers({ toFake: ["Date"] });
  const began = Date.now();
  try {
    const kept = cache({ maxAgeMs: 1000 });
    await use(kept, "a", first);
    vi.setSystemTime(began + 900);
    expect((await use(kept, "a", first)).reused).toBe(true);
    vi.setSystemTime(began + 1901);
    await use(kept, "b", second);
    expect(kept.idle).toBe(1);
    expect((await use(kept, "a", first)).reused).toBe(false);
    kept.close();
  } finally {
    vi.useRealTimers();
  }
});

it("keeps nothing after it was closed, and frees what comes back", async () => {
  const kept = cache();
  const lent = await kept.take("a", first);
  kept.close();
  lent.release();
  await expect(engine.score(lent.prefix, candidate)).rejects.toMatchObject({ reason: "closed" });
  expect(kept.idle).toBe(0);
});
