/**
 * Plans: which LLMs answer a question, in stages (`PLANS`). A plan is a model to callers. Without plans, each LLM is a
 * plan of one stage by its own name, and the request says how many candidates it writes.
 */
import { z } from "zod";
import { parseJson } from "../../net/response.ts";
import { LLM_NAME } from "../access/caller.ts";
import type { Bindings, Config } from "../config/parts.ts";
import { readBound } from "../config/readers.ts";
import { issuesOf, type Llm, readLlms } from "./llms.ts";

/** How many candidates LLMs write for one request, at most, and of how many tokens each. A deployment may lower both. */
export const MAX_K = 32;
export const MAX_TOKENS = 32_768;

/** Six connections of a Worker may wait for headers at once, and one is left for everything else. */
export const MAX_CONNECTIONS = 5;

/**
 * When a stage's winner is good enough. `confidence` and `agreement`: at least so much. The others name a threshold that
 * fitting chose: for a wanted share of questions that go on, a wanted error among those that stay, or a price a question.
 */
export const LEAVE_BY = ["confidence", "agreement", "share", "error", "price"] as const;
export type LeaveRule = { readonly by: (typeof LEAVE_BY)[number]; readonly value: number };

export interface Member {
  readonly llm: Llm;
  /** Null: as many as the request asks for. */
  readonly candidates: number | null;
}

export interface Stage {
  readonly members: readonly Member[];
  /** Take the places of members that are down, in this order. */
  readonly instead: readonly Llm[];
  /** Candidates in waves, until the leading answer is likely to stay ahead. For a stage of one LLM. */
  readonly auto: boolean;
  /** Null: the default rule; of the last stage, none. */
  readonly leave: LeaveRule | null;
}

export interface Plan {
  readonly name: string;
  readonly stages: readonly Stage[];
  /** Name of what was fitted for it, in R2 (plans/fits.ts); null: nothing. */
  readonly fit: string | null;
}

declare module "../config/parts.ts" {
  interface Bindings {
    readonly PLANS?: string;
    readonly MAX_K?: string;
    readonly MAX_TOKENS?: string;
    readonly LLM_CURRENCY?: string;
  }
  interface Config {
    /** By name, the default first. */
    readonly llms: ReadonlyMap<string, Llm>;
    /** What callers may name as a model; the first is the default. */
    readonly plans: ReadonlyMap<string, Plan>;
    /** Candidates that a request may have written, and tokens for each. */
    readonly maxK: number;
    readonly maxTokens: number;
    /** Of all prices: three letters of ISO 4217. */
    readonly currency: string;
  }
}

/** Adds its faults. */
export function readPlans(env: Bindings, faults: string[]) {
  const list = readLlms(env, faults);
  const maxK = readBound(env, "MAX_K", MAX_K, faults);
  const maxTokens = readBound(env, "MAX_TOKENS", MAX_TOKENS, faults);
  const llms = new Map(list.map((llm) => [llm.name, llm]));
  const named = readList(env.PLANS, llms, maxK, faults);
  // An LLM can be asked alone by its name, unless a plan has that name.
  const alone = list.filter(({ name }) => !named.some((plan) => plan.name === name)).map(aloneOf);
  const plans = new Map([...named, ...alone].map((plan) => [plan.name, plan]));
  const currency = env.LLM_CURRENCY?.trim() || "USD";
  if (!/^[A-Z]{3}$/u.test(currency)) {
    faults.push("LLM_CURRENCY must be three letters of ISO 4217, such as USD");
  }
  return { llms, plans, maxK, maxTokens, currency } satisfies Partial<Config>;
}

/** One LLM, one stage, as many candidates as the request asks for. */
export function aloneOf(llm: Llm): Plan {
  const stage = { members: [{ llm, candidates: null }], instead: [], auto: false, leave: null };
  return { name: llm.name, stages: [stage], fit: null };
}

const threshold = z.number().min(0).max(1);
const WireLeave = z.union([
  z.strictObject({ confidence: threshold }),
  z.strictObject({ agreement: threshold }),
  z.strictObject({ share: threshold }),
  z.strictObject({ error: threshold }),
  z.strictObject({ price: z.number().min(0) }),
]);
const WireStage = z.strictObject({
  llms: z
    .record(z.string(), z.int().min(1).max(MAX_K))
    .refine((llms) => Object.keys(llms).length > 0),
  instead: z.array(z.string()).max(16).default([]),
  auto: z.boolean().default(false),
  leave: WireLeave.optional(),
});
const WirePlan = z.strictObject({
  name: z.string().regex(LLM_NAME),
  stages: z.array(WireStage).min(1).max(8),
  fit: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,56}$/u)
    .optional(),
});

function readList(
  text: string | undefined,
  llms: ReadonlyMap<string, Llm>,
  maxK: number,
  faults: string[],
): Plan[] {
  if (!text?.trim()) return [];
  const list = z.array(z.unknown()).max(64).safeParse(parseJson(text));
  if (!list.success) {
    faults.push(
      'PLANS must be a JSON list such as [{"name": "careful", "stages": [{"llms": {"cheap": 5}}, {"llms": {"strong": 1}}]}]',
    );
    return [];
  }
  const plans = list.data.flatMap((value, at) => {
    const where = `PLANS[${at}]`;
    const read = WirePlan.safeParse(value);
    if (read.success) return [planOf(read.data, llms, maxK, where, faults)];
    faults.push(...issuesOf(read.error, where));
    return [];
  });
  plans.forEach(({ name }, at) => {
    if (plans.findIndex((other) => other.name === name) < at) {
      faults.push("PLANS has two plans of one name");
    }
  });
  return plans;
}

function planOf(
  { name, stages, fit }: z.infer<typeof WirePlan>,
  llms: ReadonlyMap<string, Llm>,
  maxK: number,
  where: string,
  faults: string[],
): Plan {
  const known = (llm: string, at: string): Llm[] => {
    const found = llms.get(llm);
    if (found === undefined) faults.push(`${where}${at} must name an LLM of LLMS`);
    return found === undefined ? [] : [found];
  };
  const plan = stages.map((stage, at): Stage => {
    const here = `.stages[${at}]`;
    const members = Object.entries(stage.llms).flatMap(([llm, candidates]) =>
      known(llm, `${here}.llms`).map((found) => ({ llm: found, candidates })),
    );
    if (members.length > MAX_CONNECTIONS) {
      faults.push(
        `${where}${here}.llms must be at most ${MAX_CONNECTIONS}: more could not be asked at once`,
      );
    }
    if (stage.auto && members.length > 1) {
      faults.push(`${where}${here}.auto goes with one LLM only`);
    }
    if (stage.leave !== undefined && at === stages.length - 1) {
      faults.push(`${where}${here}.leave does not go with the last stage`);
    }
    const [by] = stage.leave === undefined ? [] : Object.entries(stage.leave);
    const leave = by === undefined ? null : ({ by: by[0], value: by[1] } as LeaveRule);
    const instead = stage.instead.flatMap((llm) => known(llm, `${here}.instead`));
    return { members, instead, auto: stage.auto, leave };
  });
  const most = plan.flatMap(({ members }) => members.map(({ candidates }) => candidates ?? 0));
  if (most.reduce((sum, n) => sum + n, 0) > maxK) {
    faults.push(`${where}.stages must be at most MAX_K candidates together`);
  }
  const all = plan.map(({ members }) => members.map(({ llm }) => llm.name));
  if (new Set(all.flat()).size < all.flat().length) {
    faults.push(`${where}.stages must not ask an LLM in two stages`);
  }
  return { name, stages: plan, fit: fit ?? null };
}

/** All LLMs that a plan may ask. */
export function llmsOf({ stages }: Plan): Llm[] {
  return stages.flatMap(({ members, instead }) => [...members.map(({ llm }) => llm), ...instead]);
}
