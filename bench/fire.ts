/**
 * Requests at a steady rate, whatever the answers take, or as many at once as there are connections; each answer is
 * held against the question that it is for. The steady rate is ours: autocannon sends no fewer than a request a second
 * for each connection, and waits for its answer.
 */
import autocannon from "autocannon";

/** A question, and all that the LLM may say to it. */
export interface Shot {
  readonly body: string;
  readonly texts: ReadonlySet<string>;
}

export interface Fired {
  /** Requests a second; null: as fast as the connections take them. */
  readonly offered: number | null;
  readonly seconds: number;
  readonly ok: number;
  /** 503 with `Retry-After`: told to come back. */
  readonly sentBack: number;
  /** The codes of those that were sent back, and how many had each. */
  readonly codes: Readonly<Record<string, number>>;
  /** Any other status, and failed or timed out connections. */
  readonly failed: number;
  /** Answers that hold a text of another question. */
  readonly mixedUp: number;
  /** Without scores, though an adapter was there. */
  readonly degraded: number;
  /** Milliseconds of the answers, ascending; empty where they were not timed one by one. */
  readonly okMs: readonly number[];
  readonly sentBackMs: readonly number[];
}

const TIMEOUT_S = 60;

/** What came of each request. */
class Counts {
  ok = 0;
  sentBack = 0;
  readonly codes: Record<string, number> = {};
  failed = 0;
  mixedUp = 0;
  degraded = 0;

  /** Whether the request was answered with 200, sent back, or neither. */
  add(status: number, hasRetryAfter: boolean, text: string, { texts }: Shot) {
    if (status === 503 && hasRetryAfter) {
      this.sentBack += 1;
      const { code } = JSON.parse(text) as { readonly code: string };
      this.codes[code] = (this.codes[code] ?? 0) + 1;
      return "sent back";
    }
    if (status !== 200) {
      this.failed += 1;
      return "failed";
    }
    this.ok += 1;
    const answer = JSON.parse(text) as {
      readonly degraded: boolean;
      readonly candidates: readonly { readonly text: string }[];
    };
    if (answer.degraded) this.degraded += 1;
    if (!answer.candidates.every((one) => texts.has(one.text))) this.mixedUp += 1;
    return "ok";
  }
}

const headers = { "content-type": "application/json" };

/** @param rate requests a second, in even steps, whatever is under way @param stop asked before each */
export async function fireSteadily(
  url: string,
  shots: readonly Shot[],
  rate: number,
  seconds: number,
  stop: () => boolean = () => false,
): Promise<Fired> {
  const counts = new Counts();
  const okMs: number[] = [];
  const sentBackMs: number[] = [];
  const began = performance.now();
  const one = async (shot: Shot) => {
    const sentAt = performance.now();
    try {
      const signal = AbortSignal.timeout(TIMEOUT_S * 1000);
      const init = { method: "POST", headers, body: shot.body, signal };
      const response = await fetch(`${url}/v1/answer`, init);
      const text = await response.text();
      const end = counts.add(response.status, response.headers.has("retry-after"), text, shot);
      if (end === "ok") okMs.push(performance.now() - sentAt);
      if (end === "sent back") sentBackMs.push(performance.now() - sentAt);
    } catch {
      counts.failed += 1;
    }
  };
  const underWay: Promise<void>[] = [];
  for (let at = 0; at < rate * seconds && !stop(); at += 1) {
    const waitMs = began + (at * 1000) / rate - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    const shot = shots[at % shots.length];
    if (shot !== undefined) underWay.push(one(shot));
  }
  const lasted = (performance.now() - began) / 1000;
  await Promise.all(underWay);
  const up = (a: number, b: number) => a - b;
  return {
    ...counts,
    offered: rate,
    seconds: Number.isFinite(seconds) ? seconds : lasted,
    okMs: okMs.sort(up),
    sentBackMs: sentBackMs.sort(up),
  };
}

/** As much as so many connections can bring, each sending when it has its answer. */
export async function saturate(
  url: string,
  shots: readonly Shot[],
  connections: number,
  seconds: number,
): Promise<Fired> {
  const counts = new Counts();
  const requests = shots.map((shot) => ({
    method: "POST",
    path: "/v1/answer",
    headers,
    body: shot.body,
    onResponse: (status: number, text: string, _: object, answered: object) => {
      const names = Object.keys(answered).map((name) => name.toLowerCase());
      counts.add(status, names.includes("retry-after"), text, shot);
    },
  }));
  const options = { connections, duration: seconds, timeout: TIMEOUT_S };
  const { errors, timeouts } = await autocannon({ url, ...options, requests });
  const failed = counts.failed + errors + timeouts;
  return { ...counts, failed, offered: null, seconds, okMs: [], sentBackMs: [] };
}
