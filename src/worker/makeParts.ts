/** Wires the parts: the LLM's endpoint, R2, the engine. What runs the encoder is the entry's choice. */
import { verifyBundle } from "../adapter/bundle.ts";
import { loadRanker, type StartEngine } from "../adapter/load.ts";
import type { FileRole } from "../adapter/manifest.ts";
import { openAIGenerator } from "../llm/openai/generator.ts";
import { ProviderMemory } from "../llm/openai/providerMemory.ts";
import { AdapterHost, type LoadRanker } from "./adapterHost.ts";
import { r2BundleStore } from "./adapterStore.ts";
import { Jwks } from "./auth/jwks.ts";
import { KeyCache } from "./auth/keyCache.ts";
import { kvKeyStore } from "./auth/keyStore.ts";
import { durableLedger } from "./ledger/durableLedger.ts";
import { writeLog } from "./log.ts";
import type { MakeParts } from "./parts.ts";

/** A way to run the encoder. */
export interface EngineKind {
  readonly name: string;
  /** The files it reads. */
  readonly roles: readonly FileRole[];
  readonly start: StartEngine;
}

/** Parts whose adapter runs on `engine`. */
export function partsWith(engine: EngineKind): MakeParts {
  return (env, config) => {
    const keep: readonly FileRole[] = ["tokenizer", ...engine.roles];
    const signedBy = config.adapterKeys;
    const load: LoadRanker = async (files, expect) => {
      const bundle = await verifyBundle(files, { expect, keep, signedBy });
      return bundle.ok ? loadRanker(bundle.value, engine.start) : bundle;
    };
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
      engine: engine.name,
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
        load,
        onChange: (fault) => writeLog({ event: "adapter", fault: fault?.kind ?? null }),
      }),
    };
  };
}
