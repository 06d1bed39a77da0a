/** Wires the parts: the LLM, R2, the engine. What runs the encoder is the entry's choice, or the bundle's. */
import { tracing } from "cloudflare:workers";
import { accessParts } from "./access/config.ts";
import type { EngineKind } from "./adapters/engines.ts";
import { adapterPoints, makeRollouts } from "./adapters/makeRollouts.ts";
import type { Parts } from "./config/parts.ts";
import { contentParts } from "./config/readers.ts";
import type { MakeParts } from "./configuration.ts";
import { features } from "./features.ts";
import { type EventPoints, observeWith, requestPoints, type StartSpan } from "./http/metrics.ts";
import { durableLedger } from "./ledger/ledger.ts";
import { makePlanFits, planPoints } from "./plans/fits.ts";
import { makeWriters } from "./plans/writers.ts";

/** Parts whose adapter runs on the first of `engines` that can run it. */
export function partsWith(...engines: readonly [EngineKind, ...EngineKind[]]): MakeParts {
  return (env, config) => {
    const points: EventPoints = Object.assign(
      { ...requestPoints, ...adapterPoints, ...planPoints },
      ...features.map((feature) => feature.points ?? {}),
    );
    const observe = observeWith(env.METRICS, points);
    const makeTrial = features.find(({ trialChannels }) => trialChannels)?.trialChannels ?? null;
    const content = contentParts(env, config);
    const core: Omit<Parts, "batchesOf" | "keepOutcome"> = {
      config,
      content,
      ...accessParts(env, config),
      ledgerOf: (tenant) => durableLedger(env.LEDGER, tenant, config.jurisdiction),
      observe,
      startSpan: platformSpans,
      writers: makeWriters(config),
      planFits: makePlanFits(env, config, observe),
      rollouts: makeRollouts(env, config, engines, observe, makeTrial),
    };
    const added = features.map(({ parts }) => parts?.(env, core) ?? {});
    return Object.assign({ keepOutcome: null }, core, ...added) as Parts;
  };
}

/** Spans by Cloudflare's tracing; nothing is recorded unless `observability.traces` is on (docs/operations.md). */
export const platformSpans: StartSpan = (name) => {
  const span = tracing.startSpan(name);
  return {
    end: (figures = {}) => {
      span.setAttributes(figures);
      span.end();
    },
  };
};
