/**
 * What a caller allows of a plan: money, LLMs, stages. A bound takes something away from the plan; what it took is told
 * with the answer, so that nobody wonders why the strong LLM was not asked.
 */
import { type Caller, mayUseLlm } from "../access/caller.ts";
import type { Llm } from "./llms.ts";
import type { Plan, Stage } from "./plans.ts";

export interface Bounds {
  /** Names or tags of LLMs that alone may be asked; null: all. */
  readonly allow: readonly string[] | null;
  readonly forbid: readonly string[];
  /** At most so many stages; null: all. */
  readonly stages: number | null;
}

export const NO_BOUNDS: Bounds = { allow: null, forbid: [], stages: null };

export const BOUND_NAMES = ["max_cost", "allow_llms", "forbid_llms", "stages", "key"] as const;

/** What a bound took away. */
export interface Bounded {
  readonly bound: (typeof BOUND_NAMES)[number];
  /** The stage, from 1. */
  readonly stage: number;
  /** LLMs that are not asked for it. */
  readonly llms: readonly string[];
}

export interface BoundPlan {
  readonly plan: Plan;
  /** Stages as far as they are allowed, each with its number from 1 in the plan. */
  readonly stages: readonly (Stage & { readonly number: number })[];
  readonly bounded: readonly Bounded[];
}

/** The plan within a caller's bounds: those of the request, and of its key. Money is bounded as stages are entered. */
export function boundPlan(plan: Plan, bounds: Bounds, caller: Caller): BoundPlan {
  const bounded: Bounded[] = [];
  const stages = plan.stages.flatMap((stage, at) => {
    const number = at + 1;
    if (bounds.stages !== null && number > bounds.stages) {
      bounded.push({ bound: "stages", stage: number, llms: namesOf(stage) });
      return [];
    }
    const left = (llm: Llm) => refusedBy(llm, bounds, caller);
    for (const bound of BOUND_NAMES) {
      const llms = [...stage.members.map(({ llm }) => llm), ...stage.instead];
      const out = llms.filter((llm) => left(llm) === bound).map(({ name }) => name);
      if (out.length > 0) bounded.push({ bound, stage: number, llms: out });
    }
    const instead = stage.instead.filter((llm) => left(llm) === null);
    const members = stage.members.flatMap((member) => {
      if (left(member.llm) === null) return [member];
      // Its place goes to the next that is allowed.
      const next = instead.shift();
      return next === undefined ? [] : [{ ...member, llm: next }];
    });
    return members.length === 0 ? [] : [{ ...stage, members, instead, number }];
  });
  return { plan, stages, bounded };
}

/** The bound that refuses an LLM; null: none does. */
function refusedBy(llm: Llm, { allow, forbid }: Bounds, caller: Caller): Bounded["bound"] | null {
  if (!mayUseLlm(caller, llm.name, llm.tags)) return "key";
  if (forbid.some((name) => isCalled(llm, name))) return "forbid_llms";
  if (allow !== null && !allow.some((name) => isCalled(llm, name))) return "allow_llms";
  return null;
}

/** Whether a caller's word means this LLM: its name, or one of its tags. */
export function isCalled({ name, tags }: Llm, word: string): boolean {
  return name === word || tags.includes(word);
}

function namesOf({ members }: Stage): string[] {
  return members.map(({ llm }) => llm.name);
}
