/** Which LLMs the Worker is to ask: the user's own (environment or .dev.vars), else the replay of recordings. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseEnv } from "node:util";
import type { Bindings } from "../../src/worker/config/parts.ts";
import { type Llm, readLlms } from "../../src/worker/plans/llms.ts";

export interface LlmChoice {
  readonly kind: "replayed" | "live";
  /** Variables for the Worker that are not secret. */
  readonly vars: Readonly<Record<string, string>>;
  /** Handed over in a file that only the user can read, never on a command line. */
  readonly apiKey: string | null;
  /** All that are configured, the default first; none where it is the replay. */
  readonly llms: readonly Llm[];
}

/** @param root the repository's root, where .dev.vars may lie */
export function chooseLlm(
  root: string,
  environment: NodeJS.ProcessEnv,
  replayUrl: string,
): LlmChoice {
  const file = join(root, ".dev.vars");
  const devVars = existsSync(file) ? parseEnv(readFileSync(file, "utf8")) : {};
  const given: NodeJS.ProcessEnv = { ...devVars, ...environment };
  const baseUrl = given.LLM_BASE_URL;
  if (given.LLMS?.trim()) {
    const { LLMS, PLANS = "" } = given;
    return { kind: "live", vars: { LLMS, PLANS }, apiKey: null, llms: llmsOf(given) };
  }
  if (!baseUrl) {
    return {
      kind: "replayed",
      vars: { LLM_BASE_URL: replayUrl, LLM_MODEL: "replay" },
      apiKey: null,
      llms: [],
    };
  }
  const model = given.LLM_MODEL;
  if (!model) throw new Error("LLM_BASE_URL is set, LLM_MODEL is not: name the model to ask");
  return {
    kind: "live",
    vars: { LLM_BASE_URL: baseUrl, LLM_MODEL: model },
    apiKey: given.LLM_API_KEY ?? null,
    llms: llmsOf({ ...given, LLM_PROVIDER: "openai" }),
  };
}

/** As the Worker would read them. Throws an error that names every fault. */
function llmsOf(variables: NodeJS.ProcessEnv): readonly Llm[] {
  const faults: string[] = [];
  const llms = readLlms(variables as unknown as Bindings, faults);
  if (faults.length > 0) throw new Error(faults.join("\n"));
  return llms;
}
