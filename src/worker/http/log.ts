/**
 * * A request id in every response (`x-request-id`) and every log line. Always our own: an id given by the caller could
 * carry text into the logs, and metering must not be keyed by what a caller chooses.
 *
 * * Structured logs, one JSON line each. No record has a field that could hold text of a question, a candidate or an
 * answer: numbers, booleans and names out of closed sets only.
 */
import { createMiddleware } from "hono/factory";
import type { GenerateFailure } from "../../llm/generator.ts";
import type { Holder } from "../adapters/shelf.ts";
import type { AdapterFault } from "../adapters/source.ts";
import type { StopReason } from "../adapters/trial/guard.ts";
import type { AppEnv } from "../config/parts.ts";
import type { AdapterId } from "../ledger/meter.ts";
import { Problem, type ProblemKind } from "./problems.ts";

export type RequestId = string & { readonly brand: "RequestId" };

/** 122 random bits, as OpenAI's ids are written. */
export function newRequestId(): RequestId {
  return `req_${crypto.randomUUID().replaceAll("-", "")}` as RequestId;
}

/** Gives the request its id and sends it back in `x-request-id`. */
export function requestId() {
  return createMiddleware<AppEnv>(async (c, next) => {
    const id = newRequestId();
    c.set("requestId", id);
    await next();
    c.res.headers.set("x-request-id", id);
  });
}

const ROUTES = [
  "/v1/answer",
  "/v1/chat/completions",
  "/v1/rerank",
  "/v1/models",
  "/v1/adapters",
  "/v1/usage",
  "/v1/batches",
  "/v1/files",
  "/v1/feedback/export",
  "/v1/feedback",
  "/v1/admin/keys",
  "/healthz",
  "/readyz",
  "/openapi.json",
] as const;

/** Figures that routes add to their request's record. Times in milliseconds. */
export interface LogFigures {
  k?: number;
  candidates?: number;
  scored?: number;
  failed?: Partial<Record<GenerateFailure, number>>;
  degraded?: boolean;
  abstained?: boolean;
  promptTokens?: number;
  completionTokens?: number;
  llmMs?: number;
  afterLlmMs?: number;
  prefixMs?: number;
  scoringMs?: number;
  /** The adapter that scored. */
  adapter?: AdapterId;
}

/** A line of code, without the message that an exception carries. */
type CodeFrame = string & { readonly brand: "CodeFrame" };

export type LogRecord =
  | (LogFigures & {
      readonly event: "request";
      readonly id: RequestId;
      readonly route: ReturnType<typeof routeOf>;
      readonly status: number;
      readonly ms: number;
      readonly problem?: ProblemKind;
    })
  | (LogFigures & {
      readonly event: "line";
      readonly id: RequestId;
      readonly status: number;
      readonly ms: number;
      readonly problem?: ProblemKind;
    })
  | {
      readonly event: "adapter";
      readonly channel: Holder;
      /** Null: a version began to serve. */
      readonly fault: AdapterFault["kind"] | null;
    }
  | { readonly event: "canary_stopped"; readonly reason: StopReason }
  /** A batch's line waits: this could not be reached. */
  | {
      readonly event: "store";
      readonly id: RequestId;
      readonly store: "batches" | "content" | "keys";
    }
  /** Whatever lies in R2 is served: no public key is configured. */
  | { readonly event: "warning"; readonly warning: "adapters_unsigned" }
  | { readonly event: "bug"; readonly id: RequestId; readonly frames: readonly CodeFrame[] };

/** Writes one line. */
export function writeLog(record: LogRecord): void {
  console.log(JSON.stringify(record));
}

/** Where an exception was thrown: its stack without its message, which may hold input. */
export function framesOf(error: Error): CodeFrame[] {
  const stack = error.stack ?? "";
  // A message of several lines may look like code positions.
  const message = stack.indexOf(error.message);
  const lines = stack
    .slice(message < 0 ? 0 : message + error.message.length)
    .split("\n")
    .filter((line) => /^\s+at .*:\d+:\d+\)?$/.test(line));
  return lines.slice(0, 8).map((line) => line.trim() as CodeFrame);
}

/** The route without ids and whatever else a path may hold. */
function routeOf(path: string): (typeof ROUTES)[number] | "other" {
  return ROUTES.find((route) => path === route || path.startsWith(`${route}/`)) ?? "other";
}

/** Writes the record of each request when its response is made; of a stream, when it has ended. */
export function requestLog() {
  return createMiddleware<AppEnv>(async (c, next) => {
    const began = Date.now();
    c.set("figures", {});
    await next();
    const made = c.get("setup");
    const observe = made?.ok ? made.parts.observe : writeLog;
    const write = (problem: ProblemKind | null) =>
      observe({
        event: "request",
        id: c.get("requestId"),
        route: routeOf(c.req.path),
        status: c.res.status,
        ms: Date.now() - began,
        ...(problem === null ? {} : { problem }),
        ...c.get("figures"),
      });
    const streamed = c.get("streamed");
    if (streamed === undefined) write(c.error instanceof Problem ? c.error.kind : null);
    else c.executionCtx.waitUntil(streamed.then(write));
  });
}
