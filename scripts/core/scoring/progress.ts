/** A bar of candidates scored, on stderr: in place on a terminal, a line a half-minute elsewhere. */
const SLOW_MS = 30_000;
const FAST_MS = 200;
const WIDTH = 30;

export interface Progress {
  /** So many more candidates are done. */
  tick(candidates: number): void;
  end(): void;
}

/** @param done of `total` candidates an earlier run had scored. */
export function startProgress(total: number, done: number): Progress {
  const terminal = process.stderr.isTTY;
  const started = Date.now();
  let now = done;
  let shown = 0;
  const show = () => {
    shown = Date.now();
    const line = describe(now, total, done, shown - started);
    process.stderr.write(terminal ? `\r\x1b[K${line}` : `${line}\n`);
  };
  show();
  return {
    tick(candidates) {
      now += candidates;
      if (Date.now() - shown >= (terminal ? FAST_MS : SLOW_MS)) show();
    },
    end() {
      show();
      if (terminal) process.stderr.write("\n");
    },
  };
}

function describe(now: number, total: number, before: number, ms: number): string {
  const filled = total === 0 ? WIDTH : Math.round((WIDTH * now) / total);
  const bar = "#".repeat(filled).padEnd(WIDTH, ".");
  const rate = ms === 0 ? 0 : (now - before) / (ms / 1000);
  const left = rate > 0 ? `${Math.ceil((total - now) / rate)} s left` : "";
  return `[${bar}] ${now}/${total} candidates  ${rate.toFixed(1)}/s  ${left}`.trimEnd();
}
