/**
 * `--url`: a service that runs somewhere else, from here. Sequential requests first, so that nothing waits for another,
 * then several at once. `/v1/rerank` asks no LLM and costs what the Worker costs; `/v1/answer` is asked only as often as
 * `--answers` says, because the LLM's provider bills it.
 */
import { host, say } from "./machine.ts";
import { type RecordedQuestion, recordedQuestions } from "./recorded.ts";
import { quantile } from "./spread.ts";
import { columns, n } from "./tables.ts";

export interface DeployedOptions {
  readonly url: string;
  readonly apiKey: string | null;
  readonly requests: number;
  readonly answers: number;
}

/** Milliseconds of the requests that were answered, ascending, and how many were not, by status. */
export interface Timed {
  readonly name: string;
  readonly atOnce: number;
  readonly seconds: number;
  readonly ms: readonly number[];
  /** The service's own `Server-Timing`, metric by metric, ascending. */
  readonly timing: Readonly<Record<string, readonly number[]>>;
  readonly failed: Readonly<Record<string, number>>;
}

export interface DeployedFigures {
  readonly url: string;
  readonly from: string;
  readonly at: string;
  /** Cloudflare's data centre (the end of `cf-ray`); null elsewhere. */
  readonly colo: string | null;
  readonly version: string;
  readonly engine: string | null;
  readonly rows: readonly Timed[];
}

const CANDIDATES = 8;
const AT_ONCE = [4, 16];
const TIMEOUT_MS = 60_000;

type Call = (question: RecordedQuestion) => { readonly path: string; readonly body?: object };

const probe: Call = () => ({ path: "/healthz" });

const rerank: Call = ({ question, options, context, task, texts }) => ({
  path: "/v1/rerank",
  body: { query: question, options, context, task, texts: texts.slice(0, CANDIDATES) },
});

const answer: Call = ({ question, options, context, task }) => ({
  path: "/v1/answer",
  body: { question, options, context, task, k: CANDIDATES, include: [] },
});

/** Throws an Error with a sentence for the user where the service is not ready. */
export async function measureDeployed(
  options: DeployedOptions,
): Promise<{ figures: DeployedFigures; text: string }> {
  const state = await readiness(options.url);
  const questions = recordedQuestions().filter(({ texts }) => texts.length >= CANDIDATES);
  const { requests, answers } = options;
  const rows: Timed[] = [];
  const measure = async (name: string, call: Call, count: number, atOnce: number) => {
    say(`${name}: ${count} requests, ${atOnce} at once ...`);
    rows.push(await fire(name, call, count, atOnce, questions, options));
  };
  // The first ones may start isolates and load the adapter into them.
  await measure("first requests", rerank, Math.min(5, requests), 1);
  await measure("nothing but the way there (/healthz)", probe, requests, 1);
  await measure(`/v1/rerank, K = ${CANDIDATES}`, rerank, requests, 1);
  for (const atOnce of AT_ONCE) await measure("/v1/rerank", rerank, requests * 2, atOnce);
  if (answers > 0) await measure(`/v1/answer, K = ${CANDIDATES}`, answer, answers, 1);
  const at = new Date().toISOString();
  const figures = { url: options.url, from: host(), at, ...state, rows };
  return { figures, text: textOf(figures) };
}

async function readiness(url: string) {
  const response = await fetch(`${url}/readyz`).catch(() => null);
  if (response === null) throw new Error("nothing answers at that URL");
  const body = (await response.json().catch(() => null)) as {
    adapter?: { name: string; version: string } | null;
    engine?: string | null;
    reason?: string | null;
  } | null;
  if (!response.ok) throw new Error(`the service is not ready: ${body?.reason ?? response.status}`);
  const { adapter, engine = null } = body ?? {};
  const version = adapter ? `${adapter.name}@${adapter.version}` : "an adapter that is private";
  return { version, engine, colo: response.headers.get("cf-ray")?.split("-")[1] ?? null };
}

async function fire(
  name: string,
  call: Call,
  count: number,
  atOnce: number,
  questions: readonly RecordedQuestion[],
  { url, apiKey }: DeployedOptions,
): Promise<Timed> {
  const ms: number[] = [];
  const timing: Record<string, number[]> = {};
  const failed: Record<string, number> = {};
  let next = 0;
  const began = performance.now();
  const one = async (): Promise<void> => {
    const question = questions[next % questions.length];
    next += 1;
    if (question === undefined) return;
    const { path, body } = call(question);
    const sentAt = performance.now();
    try {
      const response = await fetch(`${url}${path}`, {
        method: body === undefined ? "GET" : "POST",
        headers: {
          ...(body === undefined ? {} : { "content-type": "application/json" }),
          ...(apiKey === null || !path.startsWith("/v1/")
            ? {}
            : { authorization: `Bearer ${apiKey}` }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      await response.arrayBuffer();
      if (response.ok) ms.push(performance.now() - sentAt);
      else failed[response.status] = (failed[response.status] ?? 0) + 1;
      for (const [metric, value] of serverTiming(response.headers)) {
        timing[metric] = [...(timing[metric] ?? []), value];
      }
    } catch {
      failed.broken = (failed.broken ?? 0) + 1;
    }
  };
  const lane = async () => {
    while (next < count) await one();
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  const up = (a: number, b: number) => a - b;
  for (const values of Object.values(timing)) values.sort(up);
  const seconds = (performance.now() - began) / 1000;
  return { name, atOnce, seconds, ms: ms.sort(up), timing, failed };
}

function serverTiming(headers: Headers): [string, number][] {
  const found = (headers.get("server-timing") ?? "").matchAll(/(\w+);dur=([\d.]+)/gu);
  return [...found].map(([, metric = "", value]) => [metric, Number(value)]);
}

function textOf({ url, from, at, colo, version, engine, rows }: DeployedFigures): string {
  const share = (values: readonly number[], part: number) => {
    const value = quantile(values, part);
    return value === undefined ? "" : n(value);
  };
  const head = ["what", "at once", "answered", "failed", "1/s", "p50 ms", "p90", "p99", "of it"];
  const body = rows.map((row) => [
    row.name,
    String(row.atOnce),
    String(row.ms.length),
    Object.entries(row.failed)
      .map(([status, count]) => `${count} x ${status}`)
      .join(", ") || "0",
    n(row.ms.length / row.seconds),
    ...[0.5, 0.9, 0.99].map((part) => share(row.ms, part)),
    Object.entries(row.timing)
      .map(([metric, values]) => `${metric} ${share(values, 0.5)}`)
      .join(", "),
  ]);
  return [
    `${url}${colo === null ? "" : ` (Cloudflare, ${colo})`}: ${version}, engine ${engine ?? "unknown"}; measured ${at} from ${from}`,
    columns([head, ...body], 1),
    "of it: the service's own Server-Timing, p50. Cloudflare's clock stands still while a Worker computes: there it tells what was waited for.",
  ].join("\n");
}
