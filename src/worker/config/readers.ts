/** Reads variables. A fault is a sentence that names the variable and what it must be, never its value. */
import type { Bindings, Config, Parts } from "./parts.ts";

/** @returns the number, or `fallback` where there is none, or one that is refused: then a fault names the variable */
export function readNumber<Name extends string>(
  env: { readonly [name in Name]?: string },
  name: Name,
  fallback: number,
  least: number,
  most: number,
  faults: string[],
): number {
  const text: string | undefined = env[name];
  if (text === undefined || text.trim() === "") return fallback;
  const value = Number(text);
  if (Number.isFinite(value) && value >= least && value <= most) return value;
  faults.push(`${name} must be a number from ${least} to ${most}`);
  return fallback;
}

/** A whole number from 1, the most by default. */
export function readBound<Name extends string>(
  env: { readonly [name in Name]?: string },
  name: Name,
  most: number,
  faults: string[],
): number {
  const bound = readNumber(env, name, most, 1, most, faults);
  if (Number.isInteger(bound)) return bound;
  faults.push(`${name} must be a whole number from 1 to ${most}`);
  return most;
}

const DAY_S = 86_400;
const DAY_MS = DAY_S * 1_000;
/** In days: the least time for which content is kept. */
const SECOND = 1 / DAY_S;

/** A number of days, as milliseconds. */
export function readDays<Name extends string>(
  env: { readonly [name in Name]?: string },
  name: Name,
  fallback: number,
  most: number,
  faults: string[],
): number {
  return readNumber(env, name, fallback, SECOND, most, faults) * DAY_MS;
}

/** The configuration that every folder may need. Adds its faults. */
export function readShared(env: Bindings, faults: string[]) {
  const aiGatewayId = env.AI_GATEWAY_ID?.trim() || null;
  if (aiGatewayId !== null && !/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/.test(aiGatewayId)) {
    faults.push("AI_GATEWAY_ID must be the name of an AI Gateway");
  }
  return {
    contentSecret: readSecret(env.CONTENT_SECRET, faults),
    jurisdiction: readJurisdiction(env.LEDGER_JURISDICTION, faults),
    llmDeadlineMs: readNumber(env, "LLM_DEADLINE_MS", 120_000, 100, 600_000, faults),
    ai: env.AI ?? null,
    aiGatewayId,
  } satisfies Partial<Config>;
}

/** The bucket for content, where there is a secret to encrypt it with. */
export function contentParts(env: Bindings, { contentSecret: secret }: Config): Parts["content"] {
  const { CONTENT: bucket } = env;
  return bucket === undefined || secret === null ? null : { bucket, secret };
}

const JURISDICTIONS: readonly DurableObjectJurisdiction[] = ["eu", "fedramp", "fedramp-high"];

function readJurisdiction(value: string | undefined, faults: string[]) {
  if (!value) return null;
  const known = JURISDICTIONS.find((name) => name === value);
  if (known === undefined) {
    faults.push(`LEDGER_JURISDICTION must be one of: ${JURISDICTIONS.join(", ")}`);
  }
  return known ?? null;
}

const MIN_SECRET = 32;

function readSecret(value: string | undefined, faults: string[]): string | null {
  if (!value) return null;
  if (value.length < MIN_SECRET) {
    faults.push(`CONTENT_SECRET must be at least ${MIN_SECRET} characters`);
  }
  return value;
}
