/** What overlapped what: the LLM, the question's encoding, each candidate's scoring. */
import { card, make } from "./dom.ts";
import type { Answer } from "./wire.ts";

export function timeLineCard({ timing, candidates }: Answer): HTMLElement {
  const total = Math.max(timing.total_ms, 1);
  const grid = make("div", "time");
  const row = (name: string, bars: readonly [from: number, to: number, kind: string][]) => {
    const track = make("div", "track");
    for (const [from, to, kind] of bars) {
      const bar = make("div", `bar ${kind}`);
      bar.style.left = `${(from / total) * 100}%`;
      bar.style.width = `${(Math.max(0, to - from) / total) * 100}%`;
      track.append(bar);
    }
    grid.append(make("span", "", name), track);
  };
  row("LLM writes", [[0, timing.llm_ms, "llm"]]);
  let free = timing.prefix_ms ?? 0;
  if (timing.prefix_ms !== null) row("question", [[0, timing.prefix_ms, ""]]);
  const scored = candidates
    .flatMap(({ index, arrived_ms, scored_ms }) =>
      scored_ms === null ? [] : [{ index, arrived: arrived_ms, done: scored_ms }],
    )
    .sort((x, y) => x.done - y.done);
  for (const { index, arrived, done } of scored) {
    const begin = Math.max(arrived, free);
    row(`candidate ${index + 1}`, [
      [arrived, begin, "waits"],
      [begin, done, ""],
    ]);
    free = done;
  }
  const sentence = `Answered after ${Math.round(timing.total_ms)} ms; the LLM wrote for ${Math.round(timing.llm_ms)} of them, ${Math.round(timing.after_llm_ms)} ms were left after its last byte.`;
  // The sentence says it to those who do not see the bars.
  grid.ariaHidden = "true";
  return card("Time", make("p", "", sentence), grid);
}
