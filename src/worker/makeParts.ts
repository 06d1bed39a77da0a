/**
 * Wires the parts: the LLM, R2, the engine. What runs the encoder is the entry's choice, or the bundle's.
 *
 * Spans by Cloudflare's tracing; nothing is recorded unless `observability.traces` is on (docs/operations.md).
 */

import { tracing } from "cloudflare:workers";
import { KeyCache, kvKeyStore } from "./access/keyStore.ts";
import { Jwks } from "./access/tokens.ts";
import { adapterNames } from "./adapters/config.ts";
import { EngineChoice, type EngineKind, remoteScorer } from "./adapters/engines.ts";
import { makeRollout } from "./adapters/makeRollout.ts";
import { durableGuard } from "./adapters/trial/guardObject.ts";
import { llmGenerator } from "./answer/llm.ts";
import { durableBatches } from "./batches/object.ts";
import type { Bindings, Config } from "./config/env.ts";
import type { MakeParts, Parts } from "./config/parts.ts";
import { observeWith, type StartSpan } from "./http/metrics.ts";
import { durableLedger } from "./ledger/object.ts";

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
      credentials: {
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

export const platformSpans: StartSpan = (name) => {
  const span = tracing.startSpan(name);
  return {
    end: (figures = {}) => {
      span.setAttributes(figures);
      span.end();
    },
  };
};
