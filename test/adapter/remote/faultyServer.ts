/** Stands in front of a real /rerank server, hands requests on to it, and misbehaves when told to. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export const FAULTS = [
  "500",
  "429-long",
  "401",
  "400",
  "hang",
  "hang-in-body",
  "cut",
  "half-json",
  "wrong-count",
  "twice-the-same",
  "not-a-number",
  "null-score",
  "overflow",
  "20-megabytes",
  "redirect",
  "html",
] as const;
export type Fault = (typeof FAULTS)[number];

export interface FaultyServer {
  readonly url: string;
  readonly port: number;
  /** Bodies and headers of the requests that came. */
  readonly asked: {
    readonly path: string;
    readonly key: string | undefined;
    readonly body: string;
  }[];
  /** Misbehaves for the next `times` requests; null ends it. */
  fail(fault: Fault | null, times?: number): void;
  /** Stops listening and cuts all connections. */
  close(): Promise<void>;
}

/** @param target origin of the real server */
export async function faultyServer(target: string, port = 0): Promise<FaultyServer> {
  let fault: Fault | null = null;
  let left = 0;
  const asked: FaultyServer["asked"] = [];
  const server = createServer(async (incoming, outgoing) => {
    const body = await textOf(incoming);
    const path = incoming.url ?? "";
    const key = incoming.headers.authorization;
    asked.push({ path, key, body });
    const now = left > 0 ? fault : null;
    left -= 1;
    if (now !== null && misbehave(now, outgoing, body)) return;
    const headers = { "content-type": "application/json" };
    const sent = key === undefined ? headers : { ...headers, authorization: key };
    const response = await fetch(`${target}${path}`, { method: "POST", headers: sent, body });
    const json = (await response.json()) as unknown;
    const tokens = response.headers.get("x-compute-tokens");
    outgoing.writeHead(response.status, {
      ...headers,
      ...(tokens === null ? {} : { "x-compute-tokens": tokens }),
    });
    outgoing.end(now === null ? JSON.stringify(json) : spoil(now, json));
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  const bound = (server.address() as AddressInfo).port;
  return {
    url: `http://127.0.0.1:${bound}`,
    port: bound,
    asked,
    fail: (next, times = Number.POSITIVE_INFINITY) => {
      fault = next;
      left = next === null ? 0 : times;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function textOf(incoming: IncomingMessage): Promise<string> {
  let text = "";
  for await (const part of incoming) text += part;
  return text;
}

/** True where the fault needs no scores. What it says of the request must not get any further. */
function misbehave(fault: Fault, outgoing: ServerResponse, body: string): boolean {
  const json = { "content-type": "application/json" };
  const refuse = (status: number, headers: Record<string, string> = {}) => {
    outgoing.writeHead(status, { ...json, ...headers });
    outgoing.end(JSON.stringify({ error: `cannot score ${body}` }));
    return true;
  };
  switch (fault) {
    case "500":
    case "401":
    case "400":
      return refuse(Number(fault));
    case "429-long":
      return refuse(429, { "retry-after": "60" });
    case "redirect":
      return refuse(307, { location: "/elsewhere" });
    case "hang":
      return true;
    case "hang-in-body":
      outgoing.writeHead(200, json);
      outgoing.write("[");
      return true;
    case "cut":
      outgoing.writeHead(200, { ...json, "content-length": "1000" });
      outgoing.write('[{"index":');
      setTimeout(() => outgoing.destroy(), 50);
      return true;
    case "half-json":
      outgoing.writeHead(200, json);
      outgoing.end('[{"index":0,');
      return true;
    case "20-megabytes":
      outgoing.writeHead(200, json);
      outgoing.end(`[${" ".repeat(20 * 2 ** 20)}]`);
      return true;
    case "html":
      outgoing.writeHead(200, { "content-type": "text/html" });
      outgoing.end("<p>Welcome</p>");
      return true;
    default:
      return false;
  }
}

type Entry = Record<string, unknown>;

/** The right answer, made wrong. */
function spoil(fault: Fault, json: unknown): string {
  const results = (Array.isArray(json) ? json : (json as { results: Entry[] }).results) as Entry[];
  const field = Array.isArray(json) ? "score" : "relevance_score";
  const [first] = results;
  if (first === undefined) throw new Error("the real server gave no scores");
  if (fault === "wrong-count") results.pop();
  if (fault === "twice-the-same") results.push(first);
  if (fault === "null-score") first[field] = null;
  const text = JSON.stringify(json);
  const value = new RegExp(`"${field}":[-0-9.e]+`, "u");
  if (fault === "not-a-number") return text.replace(value, `"${field}":NaN`);
  return fault === "overflow" ? text.replace(value, `"${field}":1e999`) : text;
}
