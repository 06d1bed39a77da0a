/**
 * * What the deployment gives the Worker (bindings, variables, secrets) and the configuration read from it:
 * parsed once an isolate, every fault named by its variable, never by its value (docs/configuration.md).
 *
 * Reads a variable that is a number within bounds.
 */
import { type PublicKeys, parsePublicKeys } from "../../adapter/signature.ts";
import { parseUrgentRules, standardRules, type UrgentRules } from "../../tasks/urgent/urgent.ts";
import { type AccessBindings, type AccessConfig, readAccess } from "../access/config.ts";
import { ADAPTER_NAME, readModelAdapters } from "../adapters/config.ts";
import type { GuardNamespace } from "../adapters/trial/guardObject.ts";
import { MAX_K, MAX_TOKENS } from "../answer/fields.ts";
import { type RemoteBindings, type RemoteConfig, readRemote } from "../answer/llm.ts";
import type { BatchNamespace } from "../batches/object.ts";
import type { LedgerNamespace } from "../ledger/object.ts";

/** Bindings of wrangler.toml. Variables are strings; secrets come from `wrangler secret put` or .dev.vars. */
export interface Bindings extends AccessBindings, RemoteBindings {
  readonly ADAPTERS: R2Bucket;
  readonly LEDGER: LedgerNamespace;
  readonly GUARD: GuardNamespace;
  readonly LEDGER_JURISDICTION?: string;
  readonly RATE_LIMIT?: RateLimit;
  readonly METRICS?: AnalyticsEngineDataset;
  readonly CONTENT?: R2Bucket;
  readonly BATCHES?: BatchNamespace;
  readonly BATCH_DAYS?: string;
  readonly BATCH_STALL_SECONDS?: string;
  readonly FEEDBACK_DAYS?: string;
  readonly CONTENT_SECRET?: string;
  readonly ADAPTER?: string;
  readonly MODEL_ADAPTERS?: string;
  readonly ADAPTER_PUBLIC_KEY?: string;
  readonly ADAPTER_HEAP_MB?: string;
  readonly POINTER_INTERVAL_SECONDS?: string;
  readonly LLM_BASE_URL?: string;
  readonly LLM_API_KEY?: string;
  readonly LLM_MODEL?: string;
  readonly LLM_DEADLINE_MS?: string;
  readonly MAX_K?: string;
  readonly MAX_TOKENS?: string;
  readonly NOTICE?: string;
  readonly ABSTAINED_TEXT?: string;
  readonly URGENT_TEXT?: string;
  readonly URGENT_RULES?: string;
}

/** The Worker's configuration, checked. */
export interface Config extends RemoteConfig {
  /** Name of the adapter that ranks where nothing else is said, as in R2's `channels/<name>/stable.json`. */
  readonly adapter: string;
  /** Adapters of LLMs that have one of their own. */
  readonly modelAdapters: ReadonlyMap<string, string>;
  /** Pointers and manifests must be signed by one of them; null: signatures are not looked at. */
  readonly adapterKeys: PublicKeys | null;
  /** Bytes that all adapters in an isolate may hold together; one alone may hold more. */
  readonly adapterHeapBytes: number;
  /** Age in milliseconds from which the pointer in R2 is looked at again. */
  readonly pointerIntervalMs: number;
  /** OpenAI-compatible endpoint, without a trailing slash. Never chosen by a caller; "" where Workers AI writes. */
  readonly llmBaseUrl: string;
  readonly llmApiKey: string | null;
  /** Models that callers may name; the first is the default. */
  readonly models: readonly [string, ...string[]];
  /** Milliseconds an LLM may take for all candidates of one request. */
  readonly llmDeadlineMs: number;
  /** Candidates that a request may have written, and tokens for each. */
  readonly maxK: number;
  readonly maxTokens: number;
  /** Who may call. */
  readonly access: AccessConfig;
  /** Where ledgers must lie; null: anywhere. */
  readonly ledgerJurisdiction: DurableObjectJurisdiction | null;
  /** From it come the keys that encrypt what is kept for callers; null: nothing can be kept. */
  readonly contentSecret: string | null;
  /** There is a secret and a bucket, for batches and for `store: true`. */
  readonly keepsContent: boolean;
  /** Milliseconds for which a batch's content is kept, and for which a stored answer is. */
  readonly batchKeepMs: number;
  readonly feedbackKeepMs: number;
  /** Milliseconds without a word from the queue after which a batch's lines are sent again. */
  readonly batchStallMs: number;
  /** Carried by every answer. */
  readonly notice: string;
  /** Content of a chat completion that abstained. */
  readonly abstainedText: string;
  /** Comes first where a question tells of an emergency or of self-harm. */
  readonly urgentText: string;
  readonly urgentRules: UrgentRules;
}

export type ConfigResult =
  | { readonly ok: true; readonly config: Config }
  | { readonly ok: false; readonly faults: readonly string[] };

const DAY_S = 86_400;
const DAY_MS = DAY_S * 1_000;
/** In days: the least time for which content is kept. */
const SECOND = 1 / DAY_S;

const DEFAULT_NOTICE =
  "Not medical advice. A machine wrote and ranked this; check it with a clinician.";
const DEFAULT_URGENT =
  "This may be an emergency. Call your local emergency number now (112 in Europe, 911 in North America), or a crisis line if you think of harming yourself. Do not wait for an answer here.";
const DEFAULT_ABSTAINED = "I am not sure enough to answer this question.";

/** Reads the configuration. Faults are sentences that name the variable and what it must be. */
export function readConfig(env: Bindings): ConfigResult {
  const faults: string[] = [];
  const models = (env.LLM_MODEL ?? "").split(",").map((name) => name.trim());
  const [firstModel = "", ...otherModels] = models.filter((name) => name !== "");
  if (firstModel === "") faults.push("LLM_MODEL must name a model, or several separated by commas");
  const adapter = env.ADAPTER ?? "mini";
  if (!ADAPTER_NAME.test(adapter)) {
    faults.push("ADAPTER must be a name of lower-case letters, digits and hyphens");
  }
  const remote = readRemote(env, faults);
  const asksEndpoint = remote.llmProvider === "openai";
  const config: Config = {
    ...remote,
    adapter,
    modelAdapters: readModelAdapters(env.MODEL_ADAPTERS, models, faults),
    adapterKeys: readPublicKeys(env.ADAPTER_PUBLIC_KEY, faults),
    adapterHeapBytes: readNumber(env, "ADAPTER_HEAP_MB", 80, 1, 120, faults) * 1_000_000,
    pointerIntervalMs: readNumber(env, "POINTER_INTERVAL_SECONDS", 30, 0, 86_400, faults) * 1000,
    llmBaseUrl: asksEndpoint ? readUrl(env.LLM_BASE_URL, faults) : "",
    llmApiKey: env.LLM_API_KEY || null,
    models: [firstModel, ...otherModels],
    llmDeadlineMs: readNumber(env, "LLM_DEADLINE_MS", 120_000, 100, 600_000, faults),
    maxK: readBound(env, "MAX_K", MAX_K, faults),
    maxTokens: readBound(env, "MAX_TOKENS", MAX_TOKENS, faults),
    access: readAccess(env, faults),
    ledgerJurisdiction: readJurisdiction(env.LEDGER_JURISDICTION, faults),
    contentSecret: readSecret(env.CONTENT_SECRET, faults),
    keepsContent: Boolean(env.CONTENT_SECRET) && env.CONTENT !== undefined,
    batchKeepMs: readNumber(env, "BATCH_DAYS", 30, SECOND, 365, faults) * DAY_MS,
    batchStallMs: readNumber(env, "BATCH_STALL_SECONDS", 1_200, 1, DAY_S, faults) * 1_000,
    feedbackKeepMs: readNumber(env, "FEEDBACK_DAYS", 365, SECOND, 3_650, faults) * DAY_MS,
    notice: env.NOTICE || DEFAULT_NOTICE,
    abstainedText: env.ABSTAINED_TEXT || DEFAULT_ABSTAINED,
    urgentText: env.URGENT_TEXT || DEFAULT_URGENT,
    urgentRules: readUrgentRules(env.URGENT_RULES, faults),
  };
  return faults.length === 0 ? { ok: true, config } : { ok: false, faults };
}

function readPublicKeys(value: string | undefined, faults: string[]): PublicKeys | null {
  if (!value?.trim()) return null;
  const keys = parsePublicKeys(value);
  if (keys === null) {
    faults.push("ADAPTER_PUBLIC_KEY must be base64 of 32 bytes, or several separated by commas");
  }
  return keys;
}

function readUrgentRules(value: string | undefined, faults: string[]): UrgentRules {
  if (!value?.trim()) return standardRules;
  const rules = parseUrgentRules(value);
  if (rules === null)
    faults.push("URGENT_RULES must be JSON of the form of src/tasks/urgent/rules.json");
  return rules ?? standardRules;
}

const JURISDICTIONS: readonly DurableObjectJurisdiction[] = ["eu", "fedramp", "fedramp-high"];

function readJurisdiction(value: string | undefined, faults: string[]) {
  if (!value) return null;
  const known = JURISDICTIONS.find((name) => name === value);
  if (known === undefined) {
    faults.push(`LEDGER_JURISDICTION must be one of: ${JURISDICTIONS.join(", ")}`);
  }
  return known ?? null;
}

const MIN_SECRET = 32;

function readSecret(value: string | undefined, faults: string[]): string | null {
  if (!value) return null;
  if (value.length < MIN_SECRET) {
    faults.push(`CONTENT_SECRET must be at least ${MIN_SECRET} characters`);
  }
  return value;
}

function readUrl(value: string | undefined, faults: string[]): string {
  const url = URL.parse(value ?? "");
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:")) {
    faults.push("LLM_BASE_URL must be the http(s) URL of an OpenAI-compatible endpoint");
    return "";
  }
  return (value ?? "").replace(/\/+$/, "");
}

/** @returns the number, or `fallback` where there is none, or one that is refused: then a fault names the variable */
export function readNumber<Name extends string>(
  env: { readonly [name in Name]?: string },
  name: Name,
  fallback: number,
  least: number,
  most: number,
  faults: string[],
): number {
  const text: string | undefined = env[name];
  if (text === undefined || text.trim() === "") return fallback;
  const value = Number(text);
  if (Number.isFinite(value) && value >= least && value <= most) return value;
  faults.push(`${name} must be a number from ${least} to ${most}`);
  return fallback;
}

/** A whole number from 1, the most by default. */
export function readBound<Name extends string>(
  env: { readonly [name in Name]?: string },
  name: Name,
  most: number,
  faults: string[],
): number {
  const bound = readNumber(env, name, most, 1, most, faults);
  if (Number.isInteger(bound)) return bound;
  faults.push(`${name} must be a whole number from 1 to ${most}`);
  return most;
}
