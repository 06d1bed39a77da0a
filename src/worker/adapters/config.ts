/** Which adapter ranks the candidates of which LLM: one for all, or one each (configuration). */
import type { Config } from "../config/env.ts";

type Named = Pick<Config, "adapter" | "modelAdapters">;

/** The adapter of an LLM that is configured. */
export function adapterOf(model: string, { adapter, modelAdapters }: Named): string {
  return modelAdapters.get(model) ?? adapter;
}

/** All adapters of the deployment, the default first. */
export function adapterNames({ adapter, modelAdapters }: Named): readonly string[] {
  return [...new Set([adapter, ...modelAdapters.values()])];
}

/** `MODEL_ADAPTERS`: a name for each LLM that has an adapter of its own. */
export function readModelAdapters(
  text: string | undefined,
  models: readonly string[],
  faults: string[],
): ReadonlyMap<string, string> {
  if (!text?.trim()) return new Map();
  const named = parsed(text);
  if (named === null || [...named.values()].some((name) => !ADAPTER_NAME.test(name))) {
    faults.push('MODEL_ADAPTERS must be JSON such as {"a-model": "an-adapter"}');
    return new Map();
  }
  if ([...named.keys()].some((model) => !models.includes(model))) {
    faults.push("MODEL_ADAPTERS must name models of LLM_MODEL only");
  }
  return named;
}

/** As in R2's `channels/<name>/stable.json`. */
export const ADAPTER_NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;

function parsed(text: string): Map<string, string> | null {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
    const entries = Object.entries(value).map(([model, name]) => [model, String(name)] as const);
    return new Map(entries);
  } catch {
    return null;
  }
}
