/** Wires the parts: the LLM's endpoint, R2, the engine. What runs the encoder is the entry's choice. */
import { openAIGenerator } from "../llm/openai/generator.ts";
import { ProviderMemory } from "../llm/openai/providerMemory.ts";
import { AdapterHost } from "./adapterHost.ts";
import { r2BundleStore } from "./adapterStore.ts";
import { Jwks } from "./auth/jwks.ts";
import { KeyCache } from "./auth/keyCache.ts";
import { kvKeyStore } from "./auth/keyStore.ts";
import { durableBatches } from "./batches/durableBatches.ts";
import { EngineChoice, type EngineKind } from "./engineChoice.ts";
import type { Bindings, Config } from "./env.ts";
import { durableLedger } from "./ledger/durableLedger.ts";
import { writeLog } from "./log.ts";
import type { MakeParts, Parts } from "./parts.ts";

/** What keeps content for callers, where there is a secret to encrypt it with. */
function contentParts(env: Bindings, config: Config): Pick<Parts, "batchesOf" | "content"> {
  const { CONTENT: bucket, BATCHES: batches } = env;
  const { contentSecret: secret, ledgerJurisdiction } = config;
  if (bucket === undefined || secret === null) return { batchesOf: null, content: null };
  const content = { bucket, secret };
  if (batches === undefined) return { batchesOf: null, content };
  return { batchesOf: (tenant) => durableBatches(batches, tenant, ledgerJurisdiction), content };
}

/** Parts whose adapter runs on the first of `engines` that can run it. */
export function partsWith(...engines: readonly [EngineKind, ...EngineKind[]]): MakeParts {
  return (env, config) => {
    const signedBy = config.adapterKeys;
    const choice = new EngineChoice(engines, signedBy);
    const keyStore = env.KEYS === undefined ? null : kvKeyStore(env.KEYS);
    const { tokens, openOnLocalhost } = config.access;
    return {
      config,
      keyStore,
      doors: {
        keys: keyStore === null ? null : new KeyCache(keyStore),
        tokens: tokens && {
          rules: tokens.rules,
          jwks: new Jwks(tokens.jwksUrl, (url, init) => fetch(url, init)),
        },
        openOnLocalhost,
      },
      ledgerOf: (tenant) => durableLedger(env.LEDGER, tenant, config.ledgerJurisdiction),
      ...contentParts(env, config),
      engine: () => choice.running,
      generator: openAIGenerator({
        baseUrl: config.llmBaseUrl,
        apiKey: config.llmApiKey,
        model: config.models[0],
        memory: new ProviderMemory(),
        // Cloudflare's AI Gateway would keep every prompt in its log; other endpoints do not mind.
        headers: { "cf-aig-collect-log": "false" },
      }),
      adapters: new AdapterHost({
        store: r2BundleStore(env.ADAPTERS),
        adapter: config.adapter,
        channel: "stable",
        intervalMs: config.pointerIntervalMs,
        signedBy,
        load: (files, expect) => choice.load(files, expect),
        onChange: (fault) => writeLog({ event: "adapter", fault: fault?.kind ?? null }),
      }),
    };
  };
}
