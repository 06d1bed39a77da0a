/** Reads the whole configuration: each folder its own part, and each feature (docs/configuration.md). */
import { readAccess } from "./access/config.ts";
import { readAdapters } from "./adapters/config.ts";
import { readNotices } from "./answer/emergencyNotice.ts";
import type { Bindings, Config, Parts, PartsResult } from "./config/parts.ts";
import { readShared } from "./config/readers.ts";
import { allScopes, features } from "./features.ts";
import { readPlans } from "./plans/plans.ts";

export type ConfigResult =
  | { readonly ok: true; readonly config: Config }
  | { readonly ok: false; readonly faults: readonly string[] };

/** Every fault is a sentence that names a variable and what it must be, never its value. */
export function readConfig(env: Bindings): ConfigResult {
  const faults: string[] = [];
  const plans = readPlans(env, faults);
  const parts: Partial<Config>[] = [
    plans,
    readAdapters(env, [...plans.plans.keys()], faults),
    readShared(env, faults),
    { access: readAccess(env, allScopes, faults) },
    readNotices(env, faults),
    ...features.map(({ config }) => config?.(env, faults) ?? {}),
  ];
  const config = Object.assign({}, ...parts) as Config;
  return faults.length === 0 ? { ok: true, config } : { ok: false, faults };
}

/** Makes the parts from a checked configuration. */
export type MakeParts = (env: Bindings, config: Config) => Parts;

/** Makes the parts at the first call: only then is there an env. */
export function partsOnce(makeParts: MakeParts): (env: Bindings) => PartsResult {
  let made: PartsResult | null = null;
  return (env) => {
    if (made === null) {
      const read = readConfig(env);
      made = read.ok ? { ok: true, parts: makeParts(env, read.config) } : read;
    }
    return made;
  };
}
