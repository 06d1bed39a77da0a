/**
 * Times an engine inside workerd. One engine in an isolate: `POST /start`, then `POST /job` for each
 * measurement. Its clock is local workerd's; in production it would stand still during the work.
 */
import { verifyBundle } from "../../src/adapter/bundle.ts";
import type { EncoderInput, Engine, Prefix } from "../../src/adapter/engine.ts";
import { startSimdEngine } from "../../src/adapter/engines/simd/engine.ts";
import { encoderModule } from "../../src/adapter/engines/simd/workerd.ts";
import { r2BundleStore } from "../../src/worker/adapters/versions.ts";
import { type Job, type Size, tokenIds } from "../rows.ts";
import type { ColdStart, Measured } from "../subject.ts";
import { engines } from "./engines.ts";

interface Environment {
  readonly ADAPTERS: R2Bucket;
}

export interface LogitsRequest {
  readonly prefixTokens: number;
  readonly candidateTokens: number;
  readonly pairs: readonly { readonly prefix: number; readonly candidate: number }[];
}

export interface StartRequest {
  readonly engine: string;
  readonly adapter: string;
  readonly version: string;
  readonly form: "prefix" | "cross";
}

/** A file of weights without a bundle: random ones of another size. */
export interface StartFileRequest {
  readonly key: string;
  readonly prefixTokens: number;
  readonly candidateTokens: number;
}

let running: Engine | null = null;

const megabytes = (engine: Engine) => engine.heapBytes() / 2 ** 20;
const input = (tokens: number, seed: number): EncoderInput => ({
  ids: tokenIds(tokens, seed),
  truncated: false,
});

async function start(request: StartRequest, bucket: R2Bucket, size: Size): Promise<ColdStart> {
  const entry = engines[request.engine];
  if (entry === undefined) throw new Error(`no engine ${request.engine}`);
  const began = performance.now();
  const files = r2BundleStore(bucket).open(request.adapter, request.version);
  const verified = await verifyBundle(files, { keep: [entry.role] });
  if (!verified.ok) throw new Error(`bundle refused: ${verified.failure.kind}`);
  const read = performance.now();
  running = await entry.start(verified.value, request.form);
  const started = performance.now();
  await run(running, { ...size, mode: request.form === "cross" ? "cross" : "ranking", k: 1 });
  return {
    readMs: read - began,
    sessionMs: started - read,
    firstScoreMs: performance.now() - started,
    heapMB: megabytes(running),
  };
}

/** Streams `encoder.bin` from R2 into an engine of ours; checked by nothing, for it is the bench's own. */
async function startFile(request: StartFileRequest, bucket: R2Bucket): Promise<ColdStart> {
  const began = performance.now();
  const object = await bucket.get(request.key);
  if (object === null) throw new Error(`no ${request.key}`);
  const read = performance.now();
  running = await startSimdEngine(encoderModule, object.body, request);
  const started = performance.now();
  await run(running, { ...request, mode: "ranking", k: 1 });
  return {
    readMs: read - began,
    sessionMs: started - read,
    firstScoreMs: performance.now() - started,
    heapMB: megabytes(running),
  };
}

/** Logits of pairs, each of a prefix and a candidate by the seeds of their ids. */
async function logitsOf(engine: Engine, request: LogitsRequest): Promise<number[]> {
  const logits: number[] = [];
  for (const pair of request.pairs) {
    const prefix = await engine.encodePrefix(input(request.prefixTokens, pair.prefix));
    logits.push(await engine.score(prefix, input(request.candidateTokens, pair.candidate)));
    prefix.release();
  }
  return logits;
}

/** Does a job once; the prefix of a `candidate` job is encoded before the clock starts. */
async function run(engine: Engine, job: Job): Promise<Measured> {
  const { mode, prefixTokens, candidateTokens, k } = job;
  if (mode === "cross" || mode === "cross-ranking") {
    // One token as prefix and the rest as candidate is the cross-encoder's work, and like it copies
    // out nothing but the score.
    const prefix = await engine.encodePrefix(input(1, 0));
    const tokens = prefixTokens + candidateTokens - 1;
    const ms = await timed(() => scoreAll(engine, prefix, tokens, mode === "cross" ? 1 : k));
    const heapMB = megabytes(engine);
    prefix.release();
    return { ms, heapMB };
  }
  let prefix: Prefix | null = null;
  const encode = async () => {
    prefix = await engine.encodePrefix(input(prefixTokens, 0));
    return prefix;
  };
  if (mode === "candidate") await encode();
  const ms = await timed(async () => {
    const encoded = prefix ?? (await encode());
    if (mode !== "prefix") {
      await scoreAll(engine, encoded, candidateTokens, mode === "candidate" ? 1 : k);
    }
  });
  const heapMB = megabytes(engine);
  (prefix as Prefix | null)?.release();
  return { ms, heapMB };
}

async function scoreAll(engine: Engine, prefix: Prefix, tokens: number, k: number): Promise<void> {
  for (let i = 1; i <= k; i++) await engine.score(prefix, input(tokens, i));
}

async function timed(work: () => Promise<void>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

/** Heap while as many of the largest prefixes are held as admission lets in, and each has been scored on. */
async function fullHouse(engine: Engine, places: number, size: Size): Promise<number> {
  const held: Prefix[] = [];
  for (let i = 0; i < places; i++) {
    const prefix = await engine.encodePrefix(input(size.prefixTokens, i));
    held.push(prefix);
    await scoreAll(engine, prefix, size.candidateTokens, 1);
  }
  const heapMB = megabytes(engine);
  for (const prefix of held) prefix.release();
  return heapMB;
}

async function answer(pathname: string, body: unknown, env: Environment): Promise<object> {
  if (pathname === "/start") {
    const { size, ...what } = body as StartRequest & { size: Size };
    return start(what, env.ADAPTERS, size);
  }
  if (pathname === "/start-file") return startFile(body as StartFileRequest, env.ADAPTERS);
  if (running === null) throw new Error("no engine started");
  if (pathname === "/logits") return logitsOf(running, body as LogitsRequest);
  if (pathname === "/full-house") {
    const { places, ...size } = body as Size & { places: number };
    return { heapMB: await fullHouse(running, places, size) };
  }
  return run(running, body as Job);
}

export default {
  async fetch(request: Request, env: Environment): Promise<Response> {
    const { pathname } = new URL(request.url);
    try {
      return Response.json(await answer(pathname, await request.json(), env));
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      return new Response(message, { status: 500 });
    }
  },
};
