/** The engine elsewhere that a manifest names, as this deployment has it. */

import { httpScorer } from "../../adapter/remote/httpScorer.ts";
import type { RemoteEngine } from "../../adapter/remote/remoteEngine.ts";
import type { TextScorer } from "../../adapter/remote/textScorer.ts";
import { workersAiScorer } from "../../adapter/remote/workersAiScorer.ts";
import { aiGateway } from "../../net/aiBinding.ts";
import type { RemoteConfig } from "./remoteConfig.ts";

/** Null where it is not set up here: a bundle can ask for a kind of engine, and never for an address. */
export function remoteScorer(engine: RemoteEngine, config: RemoteConfig): TextScorer | null {
  const { ai, rerankServer, rerankTimeoutMs: timeoutMs } = config;
  if (engine.kind === "http") {
    if (rerankServer === null) return null;
    return httpScorer({ ...rerankServer, model: engine.model ?? null, timeoutMs });
  }
  if (ai === null) return null;
  const { model, scores: scale } = engine;
  return workersAiScorer({ ai, model, scale, gateway: aiGateway(config.aiGatewayId), timeoutMs });
}
