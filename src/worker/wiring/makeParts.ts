/** Wires the parts: the LLM, R2, the engine. What runs the encoder is the entry's choice, or the bundle's. */

import { Jwks } from "../auth/jwks.ts";
import { KeyCache } from "../auth/keyCache.ts";
import { kvKeyStore } from "../auth/keyStore.ts";
import { durableBatches } from "../batches/durableBatches.ts";
import { durableLedger } from "../ledger/durableLedger.ts";
import { observeWith } from "../observe/metrics.ts";
import { platformSpans } from "../observe/platformSpans.ts";
import { durableGuard } from "../rollout/durableGuard.ts";
import { makeRollout } from "../rollout/makeRollout.ts";
import { adapterNames } from "./adapterNames.ts";
import { EngineChoice, type EngineKind } from "./engineChoice.ts";
import type { Bindings, Config } from "./env.ts";
import { llmGenerator } from "./llmGenerator.ts";
import type { MakeParts, Parts } from "./parts.ts";
import { remoteScorer } from "./remoteScorer.ts";

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
    const observe = observeWith(env.METRICS);
    if (signedBy === null) observe({ event: "warning", warning: "adapters_unsigned" });
    const names = adapterNames(config);
    const adapters = names.map((adapter) => {
      const choice = new EngineChoice(engines, signedBy, (engine) => remoteScorer(engine, config));
      const rollout = makeRollout({
        bucket: env.ADAPTERS,
        guard: durableGuard(env.GUARD, adapter),
        adapter,
        intervalMs: config.pointerIntervalMs,
        signedBy,
        heapBytes: config.adapterHeapBytes / names.length,
        observe,
        load: (files, expect) => choice.load(files, expect),
        engine: () => choice.running,
      });
      return [adapter, rollout] as const;
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
      ...contentParts(env, config),
      observe,
      startSpan: platformSpans,
      generator: llmGenerator(config),
      rollouts: new Map(adapters),
    };
  };
}
