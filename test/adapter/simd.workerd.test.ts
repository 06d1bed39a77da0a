/** The same engine in workerd, from the module that the Worker imports. */
import { expect, it } from "vitest";
import { startSimdEngine } from "../../src/adapter/engines/simd/engine.ts";
import { encoderModule } from "../../src/adapter/engines/simd/workerd.ts";
import encoderUrl from "../fixtures/simd/encoder.bin?url&inline";
import golden from "../fixtures/simd/golden.json";

const limits = { prefixTokens: 96, candidateTokens: 32 };
const input = (ids: readonly number[]) => ({ ids, truncated: false });

it("gives torch's logits to the precision of int8, weights coming as a stream", async () => {
  const base64 = encoderUrl.slice(encoderUrl.indexOf(",") + 1);
  const { body } = new Response(Uint8Array.from(atob(base64), (char) => char.charCodeAt(0)));
  if (body === null) throw new Error("no body");
  const engine = await startSimdEngine(encoderModule, body, limits);
  for (const { prefix, candidates, logits } of golden) {
    const encoded = await engine.encodePrefix(input(prefix));
    for (const [index, ids] of candidates.entries()) {
      const logit = await engine.score(encoded, input(ids));
      expect(Math.abs(logit - (logits[index] ?? Number.NaN))).toBeLessThan(0.08);
    }
    encoded.release();
  }
  expect(engine.heapBytes()).toBeLessThan(2 ** 21);
  await engine.close();
});
