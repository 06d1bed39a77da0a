/** What the deployment says of adapters: which one ranks the candidates of which LLM, its keys, its heap, engines elsewhere. */
import { type RerankForm, rerankForms } from "../../adapter/remote/httpScorer.ts";
import { type PublicKeys, parsePublicKeys } from "../../adapter/signature.ts";
import type { Bindings, Config } from "../config/parts.ts";
import { readNumber } from "../config/readers.ts";

/** A /rerank server for adapters that name `engine: {kind: "http"}`. Never chosen by a caller or a bundle. */
export interface RerankServer {
  readonly url: string;
  readonly form: RerankForm;
  readonly apiKey: string | null;
}

declare module "../config/parts.ts" {
  interface Bindings {
    /** Bundles and pointers: `adapters/<name>/<version>/...`, `channels/<name>/<channel>.json`. */
    readonly ADAPTERS: R2Bucket;
    readonly ADAPTER?: string;
    readonly MODEL_ADAPTERS?: string;
    readonly ADAPTER_PUBLIC_KEY?: string;
    readonly ADAPTER_HEAP_MB?: string;
    readonly POINTER_INTERVAL_SECONDS?: string;
    readonly RERANK_URL?: string;
    readonly RERANK_FORM?: string;
    readonly RERANK_API_KEY?: string;
    readonly RERANK_TIMEOUT_MS?: string;
  }
  interface Config {
    /** Name of the adapter that ranks where nothing else is said, as in R2's `channels/<name>/stable.json`. */
    readonly adapter: string;
    /** Adapters of LLMs that have one of their own. */
    readonly modelAdapters: ReadonlyMap<string, string>;
    /** Pointers and manifests must be signed by one of them; null: signatures are not checked. */
    readonly adapterKeys: PublicKeys | null;
    /** Bytes that all adapters in an isolate may hold together; one alone may hold more. */
    readonly adapterHeapBytes: number;
    /** Age in milliseconds from which the pointer in R2 is checked again. */
    readonly pointerIntervalMs: number;
    readonly rerankServer: RerankServer | null;
    /** Milliseconds for one call of a remote engine, its retries included. */
    readonly rerankTimeoutMs: number;
  }
}

/** Adds its faults. @param models those that callers may name */
export function readAdapters(env: Bindings, models: readonly string[], faults: string[]) {
  const adapter = env.ADAPTER ?? "mini";
  if (!ADAPTER_NAME.test(adapter)) {
    faults.push("ADAPTER must be a name of lower-case letters, digits and hyphens");
  }
  return {
    adapter,
    modelAdapters: readModelAdapters(env.MODEL_ADAPTERS, models, faults),
    adapterKeys: readPublicKeys(env.ADAPTER_PUBLIC_KEY, faults),
    adapterHeapBytes: readNumber(env, "ADAPTER_HEAP_MB", 80, 1, 120, faults) * 1_000_000,
    pointerIntervalMs: readNumber(env, "POINTER_INTERVAL_SECONDS", 30, 0, 86_400, faults) * 1000,
    rerankServer: readServer(env, faults),
    rerankTimeoutMs: readTimeout(env, faults),
  } satisfies Partial<Config>;
}

type Named = Pick<Config, "adapter" | "modelAdapters">;

/** The adapter of an LLM that is configured. */
export function adapterOf(model: string, { adapter, modelAdapters }: Named): string {
  return modelAdapters.get(model) ?? adapter;
}

/** All adapters of the deployment, the default first. */
export function adapterNames({ adapter, modelAdapters }: Named): readonly string[] {
  return [...new Set([adapter, ...modelAdapters.values()])];
}

/** `MODEL_ADAPTERS`: a name for each LLM that has an adapter of its own. */
export function readModelAdapters(
  text: string | undefined,
  models: readonly string[],
  faults: string[],
): ReadonlyMap<string, string> {
  if (!text?.trim()) return new Map();
  const named = parsed(text);
  if (named === null || [...named.values()].some((name) => !ADAPTER_NAME.test(name))) {
    faults.push('MODEL_ADAPTERS must be JSON such as {"a-model": "an-adapter"}');
    return new Map();
  }
  if ([...named.keys()].some((model) => !models.includes(model))) {
    faults.push("MODEL_ADAPTERS must name models of LLM_MODEL, LLMS or PLANS only");
  }
  return named;
}

/** As in R2's `channels/<name>/stable.json`. */
export const ADAPTER_NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;

function parsed(text: string): Map<string, string> | null {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
    const entries = Object.entries(value).map(([model, name]) => [model, String(name)] as const);
    return new Map(entries);
  } catch {
    return null;
  }
}

const DEFAULT_TIMEOUT_MS = 10_000;
const LEAST_TIMEOUT_MS = 100;
const MOST_TIMEOUT_MS = 60_000;

function readPublicKeys(value: string | undefined, faults: string[]): PublicKeys | null {
  if (!value?.trim()) return null;
  const keys = parsePublicKeys(value);
  if (keys === null) {
    faults.push("ADAPTER_PUBLIC_KEY must be base64 of 32 bytes, or several separated by commas");
  }
  return keys;
}

function readServer(env: Bindings, faults: string[]): RerankServer | null {
  const form = env.RERANK_FORM?.trim() || "tei";
  const known = rerankForms.find((one) => one === form);
  if (known === undefined) faults.push(`RERANK_FORM must be one of: ${rerankForms.join(", ")}`);
  const text = env.RERANK_URL?.trim();
  if (!text) return null;
  const url = URL.parse(text);
  const isHttp = url?.protocol === "http:" || url?.protocol === "https:";
  if (url === null || !isHttp || url.username !== "" || url.password !== "") {
    faults.push("RERANK_URL must be the http(s) URL of a /rerank server, without a password in it");
    return null;
  }
  return { url: url.href, form: known ?? "tei", apiKey: env.RERANK_API_KEY || null };
}

function readTimeout({ RERANK_TIMEOUT_MS }: Bindings, faults: string[]): number {
  if (!RERANK_TIMEOUT_MS?.trim()) return DEFAULT_TIMEOUT_MS;
  const value = Number(RERANK_TIMEOUT_MS);
  if (value >= LEAST_TIMEOUT_MS && value <= MOST_TIMEOUT_MS) return value;
  faults.push(`RERANK_TIMEOUT_MS must be a number from ${LEAST_TIMEOUT_MS} to ${MOST_TIMEOUT_MS}`);
  return DEFAULT_TIMEOUT_MS;
}
