/** Measures in rounds, so that whatever else the machine does falls on all subjects alike. */
import { say } from "./machine.ts";
import type { Job, Row } from "./rows.ts";
import { spread } from "./spread.ts";
import type { Measured, Subject } from "./subject.ts";

const warmUps = 2;

/** Every job by every subject that can do it. */
export async function measureAll(
  subjects: readonly Subject[],
  jobs: readonly Job[],
  adapter: string,
  repetitions: number,
): Promise<Row[]> {
  const pairs = jobs.flatMap((job) =>
    subjects.filter(({ modes }) => modes.includes(job.mode)).map((subject) => ({ subject, job })),
  );
  const measured = pairs.map((): Measured[] => []);
  for (let round = -warmUps; round < repetitions; round++) {
    say(round < 0 ? "Warming up ..." : `Round ${round + 1} of ${repetitions} ...`);
    for (const [at, { subject, job }] of pairs.entries()) {
      measured[at]?.push(await subject.measure(job));
    }
  }
  return pairs.map(({ subject: { engine }, job }, at) => {
    const results = measured[at] ?? [];
    const ms = spread(results.slice(warmUps).map((result) => result.ms));
    // A heap never shrinks: from the second round on it is that of the largest size.
    return { engine, ...job, adapter, ms, heapMB: results[0]?.heapMB ?? 0 };
  });
}
