/**
 * What a deployment gives the Worker, and what is made of it once an isolate.
 *
 * The interfaces here are open. Each folder declares its own members beside the code that reads or makes them
 * (by `declare module`), so that this folder imports no other, and a feature can be taken out
 * without an edit here.
 */

import type { AiBinding } from "../../net/aiBinding.ts";

/** Bindings of wrangler.toml. Variables are strings; secrets come from `wrangler secret put` or .dev.vars. */
export interface Bindings {
  /** Content that callers asked to be kept, encrypted with a key derived from `CONTENT_SECRET`. */
  readonly CONTENT?: R2Bucket;
  readonly CONTENT_SECRET?: string;
  /** Where Durable Objects of tenants must lie. */
  readonly LEDGER_JURISDICTION?: string;
  readonly LLM_DEADLINE_MS?: string;
  /** Workers AI. Only in the wrangler environment `workers-ai`: the binding is always remote. */
  readonly AI?: AiBinding;
  readonly AI_GATEWAY_ID?: string;
}

/** The Worker's configuration, checked. */
export interface Config {
  /** From it come the keys that encrypt what is kept for callers; null: nothing can be kept. */
  readonly contentSecret: string | null;
  /** Where Durable Objects of tenants must lie; null: anywhere. */
  readonly jurisdiction: DurableObjectJurisdiction | null;
  /** Milliseconds an LLM may take for all candidates of one request. */
  readonly llmDeadlineMs: number;
  /** Null: this deployment has no Workers AI. */
  readonly ai: AiBinding | null;
  /** The AI Gateway through which Workers AI is called; null: none. */
  readonly aiGatewayId: string | null;
}

/** What the routes are built from, made once an isolate. */
export interface Parts {
  readonly config: Config;
  /** Where content that callers asked to be kept lies, and the secret that encrypts it; null: nothing can be kept. */
  readonly content: { readonly bucket: R2Bucket; readonly secret: string } | null;
}

/** The parts, or the configuration's faults: sentences that name the variable and what it must be. */
export type PartsResult =
  | { readonly ok: true; readonly parts: Parts }
  | { readonly ok: false; readonly faults: readonly string[] };

/** hono's environment. What a request carries (`c.get`) is declared where it is set, in `ContextVariableMap`. */
export interface AppEnv {
  Bindings: Bindings;
}

declare module "hono" {
  interface ContextVariableMap {
    setup: PartsResult;
    /** There where `setup` is good: on every route under /v1. */
    parts: Parts;
    /** Fires when the client leaves. */
    signal: AbortSignal;
  }
}
