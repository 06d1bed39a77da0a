/** Asks the deployed Worker whether it is ready to rank; a new one takes a while until it is reached everywhere. */
import { z } from "zod";

const Body = z.object({
  status: z.string(),
  reason: z.string().nullish(),
  adapter: z.object({ name: z.string(), version: z.string() }).nullish(),
  configuration: z.array(z.string()).default([]),
});

export interface Readiness {
  readonly ready: boolean;
  readonly said: string;
}

const PAUSE_MS = 2_000;

/** @param waitMs how long it may take */
export async function askReady(url: string, waitMs: number): Promise<Readiness> {
  const until = Date.now() + waitMs;
  for (;;) {
    const answer = await ask(`${url.replace(/\/+$/, "")}/readyz`);
    if (answer.ready || Date.now() + PAUSE_MS > until) return answer;
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

async function ask(url: string): Promise<Readiness> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(20_000) });
    const { status, reason, adapter, configuration } = Body.parse(await response.json());
    if (response.status === 200) {
      return { ready: true, said: adapter ? `${adapter.name}@${adapter.version} serves` : status };
    }
    const why = [...(reason ? [reason] : []), ...configuration].join("; ");
    return { ready: false, said: `${status}: ${why}` };
  } catch {
    return { ready: false, said: "it gave no answer that could be read" };
  }
}
