/** Tries a call again while its failure may pass and its time is not up. */
import { pause } from "../pause.ts";
import { fail, type Result } from "../result.ts";
import type { RemoteFailure } from "./failure.ts";

export interface Attempt<Value> {
  readonly outcome: Result<Value, RemoteFailure>;
  /** Worth another try. */
  readonly again?: boolean;
  /** How long the server asks to be left alone. */
  readonly waitSeconds?: number | undefined;
}

const TRIES = 3;
const FIRST_WAIT_MS = 150;
/** The answer waits too: a server that asks for more is given up at once. */
const LONGEST_WAIT_MS = 2_000;

/**
 * @param attempt one try; it must end soon after its signal fires, and never rejects
 * @param caller ends everything
 * @param timeoutMs for all tries and waits together; past it: `remote_timeout`
 */
export async function withRetries<Value>(
  attempt: (signal: AbortSignal) => Promise<Attempt<Value>>,
  caller: AbortSignal,
  timeoutMs: number,
): Promise<Result<Value, RemoteFailure>> {
  const end = new AbortController();
  const endsAt = Date.now() + timeoutMs;
  let late = false;
  const leave = () => end.abort();
  const timer = setTimeout(() => {
    late = true;
    end.abort();
  }, timeoutMs);
  caller.addEventListener("abort", leave, { once: true });
  if (caller.aborted) leave();
  try {
    for (let tried = 1; ; tried += 1) {
      const { outcome, again = false, waitSeconds } = await attempt(end.signal);
      if (outcome.ok) return outcome;
      if (late) return fail({ kind: "remote_timeout" });
      const waitMs =
        waitSeconds === undefined ? FIRST_WAIT_MS * 2 ** (tried - 1) : waitSeconds * 1000;
      const most = Math.min(LONGEST_WAIT_MS, endsAt - Date.now());
      if (!again || tried === TRIES || waitMs > most || end.signal.aborted) return outcome;
      await pause(waitMs);
    }
  } finally {
    clearTimeout(timer);
    caller.removeEventListener("abort", leave);
  }
}
