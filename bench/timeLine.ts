/** One request's time line, for a terminal. */
/** When a request did what, in milliseconds. */
export interface Trace {
  readonly llmMs: number;
  readonly prefixMs: number | null;
  readonly afterLlmMs: number;
  /** In the order of arrival; from the request's start. */
  readonly candidates: readonly { readonly arrivedMs: number; readonly scoredMs: number }[];
}

const width = 64;

/** The LLM above, then the prefix and each candidate: `·` while it waits, `█` while it is worked on. */
export function timeLine({ llmMs, prefixMs, afterLlmMs, candidates }: Trace): string {
  const total = llmMs + afterLlmMs;
  const at = (ms: number) => Math.min(width, Math.round((ms / total) * width));
  const bar = (from: number, to: number, sign: string) => {
    const begin = at(from);
    return " ".repeat(begin) + sign.repeat(Math.max(1, at(to) - begin));
  };
  const lines = [`LLM          ${bar(0, llmMs, "█")} ${llmMs.toFixed(0)} ms`];
  if (prefixMs !== null)
    lines.push(`prefix       ${bar(0, prefixMs, "█")} ${prefixMs.toFixed(0)} ms`);
  let free = prefixMs ?? 0;
  for (const [i, { arrivedMs, scoredMs }] of candidates.entries()) {
    const begin = Math.max(arrivedMs, free);
    const waiting = at(begin) - at(arrivedMs);
    const working = Math.max(1, at(scoredMs) - at(begin));
    const line = " ".repeat(at(arrivedMs)) + "·".repeat(waiting) + "█".repeat(working);
    lines.push(`candidate ${String(i + 1).padStart(2)} ${line}`);
    free = scoredMs;
  }
  lines.push(`answer       ${" ".repeat(width - 1)}| ${total.toFixed(0)} ms`);
  return lines.join("\n");
}
