/**
 * Runs fast-check properties, as many inputs as FUZZ_INPUTS says over all of them (`npm run fuzz`; few in `npm test`).
 * The seed is fixed unless FUZZ_SEED says otherwise: a test that fails has its reason in the change that is tested.
 */
import { appendFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";

const total = Number(process.env.FUZZ_INPUTS ?? 20_000);
const seed = Number(process.env.FUZZ_SEED ?? 1);
/** Lines of JSON, one a property: what `npm run fuzz` prints at its end. */
const report = process.env.FUZZ_REPORT;
/** So many even where the share of a slow property comes to less. */
const LEAST_INPUTS = 25;
const timeoutMs = 60_000 + total * 5;

/**
 * A test of one property.
 * @param share of all inputs; those of all properties sum to about 1
 * @param holds throws where the property does not hold
 */
export function fuzz<Input>(
  name: string,
  share: number,
  inputs: fc.Arbitrary<Input>,
  holds: (input: Input) => void | Promise<void>,
): void {
  test(name, { timeout: timeoutMs }, async () => {
    const numRuns = Math.max(LEAST_INPUTS, Math.round(total * share));
    const began = performance.now();
    const property = fc.asyncProperty(inputs, async (input) => {
      await holds(input);
    });
    const details = await fc.check(property, { numRuns, seed });
    const seconds = (performance.now() - began) / 1000;
    const { numRuns: made, failed } = details;
    if (report !== undefined) {
      const line = { name, inputs: made, seconds, seed, failed };
      appendFileSync(report, `${JSON.stringify(line)}\n`);
    }
    if (failed) throw new Error(await fc.asyncDefaultReportMessage(details));
    expect(made).toBe(numRuns);
  });
}
