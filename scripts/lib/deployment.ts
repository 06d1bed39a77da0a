/** What wrangler.toml asks of an account, for one environment; and whether the Worker would take its configuration. */
import { join } from "node:path";
import { unstable_readConfig } from "wrangler";
import { z } from "zod";
import type { Bindings } from "../../src/worker/config/parts.ts";
import { readConfig } from "../../src/worker/configuration.ts";
import { secretNames } from "../../src/worker/plans/llms.ts";

export interface Deployment {
  /** Environment of wrangler.toml; "": the top level. */
  readonly env: string;
  readonly worker: string;
  readonly adapter: string;
  /** The Worker refuses what is not signed. */
  readonly signed: boolean;
  readonly buckets: readonly { binding: string; name: string; jurisdiction: string | null }[];
  readonly queues: readonly string[];
  readonly namespaces: readonly string[];
  /** Custom domains of its routes. */
  readonly domains: readonly string[];
  /** The one endpoint of `LLM_BASE_URL`. */
  readonly asksEndpoint: boolean;
  /** Names of the secrets that LLMs of `LLMS` want. */
  readonly llmSecrets: readonly string[];
  readonly asksReranker: boolean;
  /** Sentences that name a variable and what it must be. */
  readonly faults: readonly string[];
}

/** The part of wrangler's parsed configuration that is read here. */
const Wanted = z.object({
  name: z.string(),
  vars: z.record(z.string(), z.unknown()).default({}),
  ai: z.unknown(),
  r2_buckets: z.array(
    z.object({ binding: z.string(), bucket_name: z.string(), jurisdiction: z.string().nullish() }),
  ),
  kv_namespaces: z.array(z.object({ binding: z.string() })),
  queues: z.object({
    producers: z.array(z.object({ queue: z.string() })).default([]),
    consumers: z
      .array(z.object({ queue: z.string(), dead_letter_queue: z.string().optional() }))
      .default([]),
  }),
  routes: z
    .array(
      z.union([
        z.string(),
        z.object({ pattern: z.string(), custom_domain: z.boolean().default(false) }),
      ]),
    )
    .default([]),
});

/** @param vars variables in place of those in wrangler.toml */
export function readDeployment(
  root: string,
  env: string,
  vars: Readonly<Record<string, string>> = {},
): Deployment {
  const config = Wanted.parse(
    unstable_readConfig(
      { config: join(root, "wrangler.toml"), ...(env === "" ? {} : { env }) },
      { hideWarnings: true },
    ),
  );
  const bindings: Record<string, string> = { ...strings(config.vars), ...vars };
  const llmSecrets = secretNames(bindings);
  // Of the bindings only variables are read; what is no variable is not asked for anything here. Secrets are looked at
  // in the account.
  const read = readConfig({
    ...bindings,
    ...Object.fromEntries(llmSecrets.map((name) => [name, "set"])),
    ...(config.ai ? { AI: {} } : {}),
  } as unknown as Bindings);
  const isList = Boolean(bindings.LLMS?.trim());
  const asksEndpoint = !isList && (bindings.LLM_PROVIDER || "openai") === "openai";
  const faults = read.ok ? [] : [...read.faults];
  const llms = read.ok ? [...read.config.llms.values()] : [];
  if (llms.some(({ provider, baseUrl }) => provider === "openai" && isThisMachine(baseUrl))) {
    const where = isList ? "LLMS: each base_url" : "LLM_BASE_URL";
    faults.push(`${where} must be an endpoint that Cloudflare can reach, not one on this machine`);
  }
  if (bindings.OPEN_ON_LOCALHOST === "true") {
    faults.push(
      "OPEN_ON_LOCALHOST must not be true where the Worker is deployed: another Worker's service binding could call it without a key",
    );
  }
  return {
    env,
    worker: config.name,
    adapter: bindings.ADAPTER || "mini",
    signed: Boolean(bindings.ADAPTER_PUBLIC_KEY?.trim()),
    buckets: config.r2_buckets.map(({ binding, bucket_name, jurisdiction }) => ({
      binding,
      name: bucket_name,
      jurisdiction: jurisdiction ?? null,
    })),
    queues: queuesOf(config),
    namespaces: config.kv_namespaces.map(({ binding }) => binding),
    domains: config.routes.flatMap((route) =>
      typeof route === "object" && route.custom_domain ? [route.pattern] : [],
    ),
    asksEndpoint,
    llmSecrets,
    asksReranker: Boolean(bindings.RERANK_URL?.trim()),
    faults,
  };
}

function queuesOf({ queues: { producers, consumers } }: z.infer<typeof Wanted>): string[] {
  const read = consumers.flatMap(({ queue, dead_letter_queue }) =>
    dead_letter_queue === undefined ? [queue] : [queue, dead_letter_queue],
  );
  return [...new Set([...producers.map(({ queue }) => queue), ...read])];
}

const strings = (vars: Readonly<Record<string, unknown>>): Record<string, string> =>
  Object.fromEntries(Object.entries(vars).map(([name, value]) => [name, String(value)]));

function isThisMachine(url: string | undefined): boolean {
  const host = URL.parse(url ?? "")?.hostname ?? "";
  return /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(host);
}
