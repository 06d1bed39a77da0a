/** Wires the parts: the LLM's endpoint, R2, the engine. What runs the encoder is the entry's choice. */
import { openAIGenerator } from "../llm/openai/generator.ts";
import { ProviderMemory } from "../llm/openai/providerMemory.ts";
import { Jwks } from "./auth/jwks.ts";
import { KeyCache } from "./auth/keyCache.ts";
import { kvKeyStore } from "./auth/keyStore.ts";
import { EngineChoice, type EngineKind } from "./engineChoice.ts";
import { durableLedger } from "./ledger/durableLedger.ts";
import { writeLog } from "./log.ts";
import type { MakeParts } from "./parts.ts";
import { durableGuard } from "./rollout/durableGuard.ts";
import { makeRollout } from "./rollout/makeRollout.ts";

/** Parts whose adapter runs on the first of `engines` that can run it. */
export function partsWith(...engines: readonly [EngineKind, ...EngineKind[]]): MakeParts {
  return (env, config) => {
    const signedBy = config.adapterKeys;
    const choice = new EngineChoice(engines, signedBy);
    if (signedBy === null) writeLog({ event: "warning", warning: "adapters_unsigned" });
    const rollout = makeRollout({
      bucket: env.ADAPTERS,
      guard: durableGuard(env.GUARD, config.adapter),
      adapter: config.adapter,
      intervalMs: config.pointerIntervalMs,
      signedBy,
      heapBytes: config.adapterHeapBytes,
      load: (files, expect) => choice.load(files, expect),
    });
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
      engine: () => choice.running,
      generator: openAIGenerator({
        baseUrl: config.llmBaseUrl,
        apiKey: config.llmApiKey,
        model: config.models[0],
        memory: new ProviderMemory(),
        // Cloudflare's AI Gateway would keep every prompt in its log; other endpoints do not mind.
        headers: { "cf-aig-collect-log": "false" },
      }),
      adapters: rollout.parts.stable,
      rollout,
    };
  };
}
