/**
 * Structured logs, one JSON line each. No record has a field that could hold text of a question, a candidate or an
 * answer: numbers, booleans and names out of closed sets only.
 */
import type { Env, Hono } from "hono";
import { createMiddleware } from "hono/factory";
import type { GenerateFailure } from "../../llm/generator.ts";
import type { AppEnv } from "../config/parts.ts";
import { Problem, type ProblemKind } from "./problems.ts";
import type { RequestId } from "./request.ts";

/** Figures that routes add to their request's record. Times in milliseconds. */
export interface LogFigures {
  k?: number;
  candidates?: number;
  scored?: number;
  failed?: Partial<Record<GenerateFailure, number>>;
  degraded?: boolean;
  abstained?: boolean;
  /** Stages of the plan that were entered. */
  stages?: number;
  /** LLMs that were asked for less than the plan says. */
  skipped?: number;
  /** By the prices that are configured, in micro-units of the currency. */
  costMicros?: number;
  /** Of the caller's spending cap of which most is spent: whole hundredths, when the request asked. */
  spendPercent?: number;
  promptTokens?: number;
  completionTokens?: number;
  llmMs?: number;
  afterLlmMs?: number;
  prefixMs?: number;
  scoringMs?: number;
  /** The adapter that scored. */
  adapter?: AdapterId;
}

/** An adapter's version as usage, logs and metrics name it. It comes from the publisher, never from a caller. */
export type AdapterId = string & { readonly brand: "AdapterId" };

/** `name@version`. */
export function adapterId({ name, version }: { name: string; version: string }): AdapterId {
  return `${name}@${version}` as AdapterId;
}

/** Milliseconds to one decimal, as figures tell them. */
export function tenths(ms: number): number {
  return Math.round(ms * 10) / 10;
}

/** The path of a registered route, cut before its first parameter; or `other`. */
export type RoutePath = string & { readonly brand: "RoutePath" };

/** A line of code, without the message that an exception carries. */
type CodeFrame = string & { readonly brand: "CodeFrame" };

/** The records by the name of their event. A feature declares its own beside the code that writes them. */
export interface LogEvents {
  request: LogFigures & {
    readonly id: RequestId;
    readonly route: RoutePath;
    readonly status: number;
    readonly ms: number;
    readonly problem?: ProblemKind;
  };
  /** An exception that nobody named. */
  bug: { readonly id: RequestId; readonly frames: readonly CodeFrame[] };
}

export type LogRecord = {
  [Event in keyof LogEvents]: { readonly event: Event } & LogEvents[Event];
}[keyof LogEvents];

/** Tells the log, and the metrics where there is a dataset. */
export type Observe = (record: LogRecord) => void;

declare module "../config/parts.ts" {
  interface Parts {
    readonly observe: Observe;
  }
}

declare module "hono" {
  interface ContextVariableMap {
    figures: LogFigures;
    /** Set by a stream: resolves at its end, with the problem that ended it. */
    streamed: Promise<ProblemKind | null> | undefined;
  }
}

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

/** Finds the route that a path belongs to, among those that the app has registered. */
function routeFinder<E extends Env>(app: Hono<E>): (path: string) => RoutePath {
  const patterns = app.routes.map(({ path }) => path.replace(/\/:.*$/u, ""));
  const known = [...new Set(patterns)].filter((path) => path !== "" && !path.includes("*"));
  // The longest first: /v1/feedback/export before /v1/feedback.
  known.sort((a, b) => b.length - a.length);
  return (path) =>
    (known.find((route) => path === route || path.startsWith(`${route}/`)) ?? "other") as RoutePath;
}

/** Writes the record of each request when its response is made; of a stream, when it has ended. */
export function requestLog(app: Hono<AppEnv>) {
  // Made at the first request, because only then all routes are registered.
  let routeOf: ReturnType<typeof routeFinder> | null = null;
  return createMiddleware<AppEnv>(async (c, next) => {
    const began = Date.now();
    c.set("figures", {});
    await next();
    routeOf ??= routeFinder(app);
    const route = routeOf(c.req.path);
    const made = c.get("setup");
    const observe = made?.ok ? made.parts.observe : writeLog;
    const write = (problem: ProblemKind | null) =>
      observe({
        event: "request",
        id: c.get("requestId"),
        route,
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
