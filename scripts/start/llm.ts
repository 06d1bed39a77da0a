/** Which LLM the Worker is to ask: the user's own (environment or .dev.vars), else the replay of recordings. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseEnv } from "node:util";

export interface LlmChoice {
  readonly kind: "replayed" | "live";
  /** Variables for the Worker that are not secret. */
  readonly vars: Readonly<Record<string, string>>;
  /** Handed over in a file that only the user can read, never on a command line. */
  readonly apiKey: string | null;
}

/** @param root the repository's root, where .dev.vars may lie */
export function chooseLlm(
  root: string,
  environment: NodeJS.ProcessEnv,
  replayUrl: string,
): LlmChoice {
  const file = join(root, ".dev.vars");
  const devVars = existsSync(file) ? parseEnv(readFileSync(file, "utf8")) : {};
  const baseUrl = environment.LLM_BASE_URL ?? devVars.LLM_BASE_URL;
  if (!baseUrl) {
    return {
      kind: "replayed",
      vars: { LLM_BASE_URL: replayUrl, LLM_MODEL: "replay" },
      apiKey: null,
    };
  }
  const model = environment.LLM_MODEL ?? devVars.LLM_MODEL;
  if (!model) throw new Error("LLM_BASE_URL is set, LLM_MODEL is not: name the model to ask");
  return {
    kind: "live",
    vars: { LLM_BASE_URL: baseUrl, LLM_MODEL: model },
    apiKey: environment.LLM_API_KEY ?? devVars.LLM_API_KEY ?? null,
  };
}
