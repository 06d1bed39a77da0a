/**
 * The LLMs of a deployment: a list (`LLMS`), or the one endpoint of `LLM_BASE_URL` with its models. Callers never choose
 * an endpoint. Faults are sentences that name the variable and the place in it, never a value.
 */
import { z } from "zod";
import { parseJson } from "../../net/response.ts";
import { LLM_NAME } from "../access/caller.ts";
import type { Bindings } from "../config/parts.ts";
import { type Price, readPrice, WirePrice } from "../ledger/money.ts";

/** What holds for an LLM where a request does not say. */
const Defaults = {
  max_tokens: z.int().min(1).max(32_768).optional(),
  temperature: z.number().min(0).max(2).optional(),
  reasoning_effort: z
    .string()
    .regex(/^[a-z]{1,16}$/u)
    .optional(),
};
const ModelDefaults = z.strictObject({ ...Defaults, price: WirePrice.optional() });
export type SamplingDefaults = Omit<z.infer<typeof ModelDefaults>, "price">;

export interface Llm {
  /** As plans, answers and usage name it. */
  readonly name: string;
  readonly provider: "openai" | "workers-ai";
  /** OpenAI-compatible endpoint, without a trailing slash; "" where Workers AI writes. */
  readonly baseUrl: string;
  /** As the provider names it. */
  readonly model: string;
  readonly apiKey: string | null;
  /** Money a million tokens; null: unknown, so that its cost is unknown too. */
  readonly price: Price | null;
  /** Calls that an isolate makes at once, over all requests; null: no bound. */
  readonly maxConcurrent: number | null;
  /** Milliseconds for all that it writes for one request; null: a share of the request's deadline. */
  readonly timeoutMs: number | null;
  readonly defaults: SamplingDefaults;
  /** Such as a region or a provider: a caller may allow or forbid LLMs by them. */
  readonly tags: readonly string[];
}

declare module "../config/parts.ts" {
  interface Bindings {
    readonly LLM_PROVIDER?: string;
    readonly LLM_BASE_URL?: string;
    readonly LLM_API_KEY?: string;
    readonly LLM_MODEL?: string;
    readonly MODEL_DEFAULTS?: string;
    readonly LLMS?: string;
  }
}

const TAG = /^[a-z0-9][a-z0-9:._-]{0,63}$/u;
/** The name of a variable that holds a secret. */
const SECRET = /^[A-Z][A-Z0-9_]{0,63}$/u;

const WireLlm = z.strictObject({
  name: z.string().regex(LLM_NAME),
  provider: z.enum(["openai", "workers-ai"]).default("openai"),
  base_url: z.string().optional(),
  model: z.string().min(1).max(256),
  key: z.string().regex(SECRET).optional(),
  price: WirePrice.optional(),
  max_concurrent: z.int().min(1).max(1_000).optional(),
  timeout_ms: z.int().min(100).max(600_000).optional(),
  tags: z.array(z.string().regex(TAG)).max(16).default([]),
  ...Defaults,
});

/** The LLMs, the default first. Adds its faults. */
export function readLlms(env: Bindings, faults: string[]): readonly Llm[] {
  const llms = env.LLMS?.trim() ? readList(env, env.LLMS, faults) : readSingle(env, faults);
  if (llms.some(({ provider }) => provider === "workers-ai") && env.AI === undefined) {
    faults.push(
      "AI must be a Workers AI binding where an LLM's provider is workers-ai: deploy with --env workers-ai",
    );
  }
  return llms;
}

function readList(env: Bindings, text: string, faults: string[]): Llm[] {
  const list = z.array(z.unknown()).min(1).max(64).safeParse(parseJson(text));
  if (!list.success) {
    faults.push(
      'LLMS must be a JSON list such as [{"name": "cheap", "base_url": "https://.../v1", "model": "...", "key": "CHEAP_KEY"}]',
    );
    return [];
  }
  const llms = list.data.flatMap((value, at) => {
    const read = WireLlm.safeParse(value);
    if (read.success) return [llmOf(read.data, env, `LLMS[${at}]`, faults)];
    faults.push(...issuesOf(read.error, `LLMS[${at}]`));
    return [];
  });
  llms.forEach(({ name }, at) => {
    if (llms.findIndex((other) => other.name === name) < at) {
      faults.push("LLMS has two LLMs of one name");
    }
  });
  return llms;
}

function llmOf(wire: z.infer<typeof WireLlm>, env: Bindings, at: string, faults: string[]): Llm {
  const { name, provider, model, key, price, tags, max_concurrent, timeout_ms } = wire;
  const { max_tokens, temperature, reasoning_effort } = wire;
  const apiKey = key === undefined ? null : secretOf(env, key);
  if (key !== undefined && apiKey === null) {
    faults.push(`${at}.key must name a secret that is set: wrangler secret put, or .dev.vars`);
  }
  return {
    ...{ name, provider, model, apiKey, tags },
    baseUrl: provider === "openai" ? readUrl(wire.base_url, `${at}.base_url`, faults) : "",
    price: price === undefined ? null : readPrice(price),
    maxConcurrent: max_concurrent ?? null,
    timeoutMs: timeout_ms ?? null,
    defaults: { max_tokens, temperature, reasoning_effort },
  };
}

/** `LLM_BASE_URL` and its friends: an LLM for each model that is named, all at one endpoint. */
function readSingle(env: Bindings, faults: string[]): Llm[] {
  const models = (env.LLM_MODEL ?? "")
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
  if (models.length === 0) {
    faults.push("LLM_MODEL must name a model, or several separated by commas");
  }
  const provider = readProvider(env, faults);
  const baseUrl = provider === "openai" ? readUrl(env.LLM_BASE_URL, "LLM_BASE_URL", faults) : "";
  const defaults = readModelDefaults(env, models, faults);
  return [...new Set(models)].map((model) => {
    const { price, ...sampling } = defaults.get(model) ?? {};
    return {
      ...{ name: model, provider, baseUrl, model, tags: [] },
      apiKey: env.LLM_API_KEY || null,
      price: price === undefined ? null : readPrice(price),
      maxConcurrent: null,
      timeoutMs: null,
      defaults: sampling,
    };
  });
}

/** `{"MODEL": {"max_tokens"?, "temperature"?, "reasoning_effort"?, "price"?}}` */
function readModelDefaults(
  { MODEL_DEFAULTS }: Bindings,
  models: readonly string[],
  faults: string[],
): ReadonlyMap<string, z.infer<typeof ModelDefaults>> {
  const text = MODEL_DEFAULTS?.trim() || "{}";
  const read = z.record(z.string(), ModelDefaults).safeParse(parseJson(text));
  if (!read.success) {
    const [issue] = read.error.issues;
    const at = issue?.path.slice(1).join(".");
    faults.push(
      `MODEL_DEFAULTS must be JSON such as {"MODEL": {"max_tokens": 8192, "reasoning_effort": "low"}}${at ? ` (see ${at})` : ""}`,
    );
    return new Map();
  }
  const unknown = Object.keys(read.data).filter((name) => !models.includes(name));
  if (unknown.length > 0) faults.push("MODEL_DEFAULTS names a model that LLM_MODEL does not");
  return new Map(Object.entries(read.data));
}

function readProvider({ LLM_PROVIDER }: Bindings, faults: string[]): Llm["provider"] {
  const provider = LLM_PROVIDER?.trim() || "openai";
  if (provider === "openai" || provider === "workers-ai") return provider;
  faults.push("LLM_PROVIDER must be openai or workers-ai");
  return "openai";
}

function readUrl(value: string | undefined, variable: string, faults: string[]): string {
  const url = URL.parse(value ?? "");
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:")) {
    faults.push(`${variable} must be the http(s) URL of an OpenAI-compatible endpoint`);
    return "";
  }
  return (value ?? "").replace(/\/+$/, "");
}

/** Names of the secrets that `LLMS` wants; none where it cannot be read. */
export function secretNames({ LLMS }: Pick<Bindings, "LLMS">): readonly string[] {
  const list = z.array(
    z
      .looseObject({ key: z.string().regex(SECRET) })
      .nullable()
      .catch(null),
  );
  const read = list.safeParse(parseJson(LLMS ?? ""));
  return read.success ? [...new Set(read.data.flatMap((llm) => llm?.key ?? []))] : [];
}

/** Secrets of LLMs have names of their own, so no type lists them. */
function secretOf(env: Bindings, name: string): string | null {
  const value: unknown = Object.hasOwn(env, name) ? Reflect.get(env, name) : undefined;
  return typeof value === "string" && value !== "" ? value : null;
}

/** A sentence for each place that is wrong, without what stands there. */
export function issuesOf({ issues }: z.ZodError, where: string): string[] {
  return issues.map(({ path, code }) => {
    const at = path.map((step) => (typeof step === "number" ? `[${step}]` : `.${String(step)}`));
    const what = code === "unrecognized_keys" ? "has a member that is not known" : "is not valid";
    return `${where}${at.join("")} ${what} (docs/several-llms.md)`;
  });
}
