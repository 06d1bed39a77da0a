/** Requests at a steady rate, whatever the answers take; each answer is held against the question that it is for. */
import autocannon from "autocannon";

/** A question, and all that the LLM may say to it. */
export interface Shot {
  readonly body: string;
  readonly texts: ReadonlySet<string>;
}

export interface Fired {
  /** Requests a second that were offered, and answered with 200. */
  readonly offered: number;
  readonly answered: number;
  readonly requests: number;
  readonly ok: number;
  /** 503 with `Retry-After`: told to come back. */
  readonly sentBack: number;
  /** Any other status, and failed or timed out connections. */
  readonly failed: number;
  /** Answers that hold a text of another question. */
  readonly mixedUp: number;
  /** Without scores, though an adapter was there. */
  readonly degraded: number;
  /** Of all requests. */
  readonly latencyMs: Readonly<Record<"p50" | "p90" | "p97_5" | "p99" | "max", number>>;
}

/** @param rate requests a second */
export async function fire(
  url: string,
  shots: readonly Shot[],
  rate: number,
  seconds: number,
): Promise<Fired> {
  const counts = { ok: 0, sentBack: 0, other: 0, mixedUp: 0, degraded: 0 };
  const requests = shots.map(({ body, texts }) => ({
    method: "POST",
    path: "/v1/answer",
    headers: { "content-type": "application/json" },
    body,
    onResponse: (status: number, text: string, _: object, headers: object) => {
      const names = Object.keys(headers).map((name) => name.toLowerCase());
      if (status === 503 && names.includes("retry-after")) counts.sentBack += 1;
      else if (status !== 200) counts.other += 1;
      else {
        counts.ok += 1;
        const answer = JSON.parse(text) as {
          readonly degraded: boolean;
          readonly candidates: readonly { readonly text: string }[];
        };
        if (answer.degraded) counts.degraded += 1;
        if (!answer.candidates.every((one) => texts.has(one.text))) counts.mixedUp += 1;
      }
    },
  }));
  // Enough connections that a slow answer does not hold the next request up.
  const connections = Math.max(requests.length, Math.ceil(rate * 12));
  const options = { connections, overallRate: rate, duration: seconds, timeout: 60 };
  const result = await autocannon({ url, ...options, requests });
  const { p50, p90, p97_5, p99, max } = result.latency;
  return {
    offered: rate,
    answered: counts.ok / result.duration,
    requests: counts.ok + counts.sentBack + counts.other,
    ok: counts.ok,
    sentBack: counts.sentBack,
    failed: counts.other + result.errors + result.timeouts,
    mixedUp: counts.mixedUp,
    degraded: counts.degraded,
    latencyMs: { p50, p90, p97_5, p99, max },
  };
}
