/**
 * What the pipeline is asked (`Ask`), and its parts from the wire: the plan within the caller's bounds, K, within the
 * deployment's bound `MAX_K`. Faults name their field.
 */
import type { Abstain, Strategy } from "../../adapter/select/candidates.ts";
import { readMoney } from "../../net/money.ts";
import type { ChatMessage, Question } from "../../tasks/question.ts";
import type { TaskSpec } from "../../tasks/task.ts";
import { type Caller, mayUseLlm } from "../access/caller.ts";
import type { AdapterChoice } from "../adapters/rollout.ts";
import type { Config, Parts } from "../config/parts.ts";
import { fieldProblem, Problem } from "../http/problems.ts";
import { type BoundPlan, boundPlan, isCalled } from "../plans/bounds.ts";
import type { Plan } from "../plans/plans.ts";
import { atMost, type Sampling } from "./sampling.ts";

/** Where the caller names no number, and the deployment allows as much. */
const DEFAULT_K = 8;

/** One question, ready to be asked. */
export interface Ask extends AdapterChoice {
  readonly task: TaskSpec;
  readonly question: Question;
  /** The field that held the question, for problems. */
  readonly questionField: string;
  readonly messages: readonly ChatMessage[];
  /** The plan's name. */
  readonly model: string;
  /** The version of what was fitted for the plan that the caller wants (`PLAN@VERSION`); null: the current one. */
  readonly fitVersion: string | null;
  /** The plan, as far as the caller allows it. */
  readonly bound: BoundPlan;
  /** The most that the request may cost, and the field that says so; null: no bound. */
  readonly maxCost: { readonly micros: number; readonly field: string } | null;
  /** Candidates of the first stage; at most so many where `adaptive` is set. */
  readonly k: number;
  /** For `k: "auto"`: candidates in waves until the leader is settled, at least so many. Null: all K at once. */
  readonly adaptive: { readonly least: number } | null;
  /** Null: the default for the task. */
  readonly strategy: Strategy | null;
  readonly abstain: Abstain | null;
  /** Question, candidates and scores are kept, for the outcome to be joined later. */
  readonly store: boolean;
  readonly sampling: Sampling;
}

export interface WireBounds {
  readonly max_cost?: number | string | null | undefined;
  readonly allow_llms?: readonly string[] | null | undefined;
  readonly forbid_llms?: readonly string[] | null | undefined;
  readonly stages?: number | null | undefined;
}

/**
 * The plan that a model's name means, and the version of its fit where one is named: `PLAN@VERSION`. Throws `Problem` for
 * one that is not configured.
 */
export function readModel(
  model: string | null | undefined,
  { plans }: Pick<Config, "plans">,
): { readonly plan: Plan; readonly model: string; readonly fitVersion: string | null } {
  const [first] = plans.values();
  const named = model ? plans.get(model) : first;
  if (named !== undefined) return { plan: named, model: named.name, fitVersion: null };
  const [name = "", ...rest] = (model ?? "").split("@");
  const plan = plans.get(name);
  const version = rest.join("@");
  if (plan?.fit == null || !VERSION.test(version)) throw fieldProblem("unknown_model", "model");
  return { plan, model: `${name}@${version}`, fitVersion: version };
}

/** As in the names of what was fitted. */
const VERSION = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/u;

/**
 * The plan, within what the request and the caller's key allow. Throws `Problem` for an unknown model or LLM, and where
 * no LLM is left.
 * @param prefix where the bounds stand in the request
 */
export async function readPlan(
  name: string | null | undefined,
  wire: WireBounds,
  prefix: "" | "medadapter.",
  { config: { plans, llms }, planFits }: Pick<Parts, "config" | "planFits">,
  caller: Caller,
): Promise<Pick<Ask, "model" | "fitVersion" | "bound" | "maxCost">> {
  const { plan, model, fitVersion } = readModel(name, { plans });
  if (fitVersion !== null && plan.fit !== null) {
    const fit = await planFits
      .get(plan.fit)
      ?.pinned(fitVersion)
      .catch(() => undefined);
    if (fit === undefined) throw new Problem("adapter_unavailable");
    if (fit === null) throw fieldProblem("unknown_model", "model");
  }
  const known = [...llms.values()].filter(({ name, tags }) => mayUseLlm(caller, name, tags));
  for (const field of ["allow_llms", "forbid_llms"] as const) {
    wire[field]?.forEach((word, at) => {
      if (known.some((llm) => isCalled(llm, word))) return;
      const where = `${prefix}${field}[${at}]`;
      throw fieldProblem("invalid_request", where, "must be the name or the tag of an LLM");
    });
  }
  const bounds = {
    allow: wire.allow_llms ?? null,
    forbid: wire.forbid_llms ?? [],
    stages: wire.stages ?? null,
  };
  const bound = boundPlan(plan, bounds, caller);
  if (bound.stages.length === 0) {
    const field = wire.forbid_llms?.length ? "forbid_llms" : "allow_llms";
    const refused = bound.bounded.some((one) => one.bound === "key");
    const own = bound.bounded.some((one) => one.bound !== "key");
    // A model that a key may not use does not exist for it.
    if (refused && !own) throw fieldProblem("unknown_model", "model");
    throw fieldProblem("invalid_request", `${prefix}${field}`, "leaves no LLM of this model");
  }
  const maxCost = readMaxCost(wire.max_cost, `${prefix}max_cost`);
  return { model, fitVersion, bound, maxCost };
}

function readMaxCost(wire: number | string | null | undefined, field: string): Ask["maxCost"] {
  if (wire == null) return null;
  const micros = readMoney(String(wire));
  if (micros !== null) return { micros, field };
  throw fieldProblem("invalid_request", field, "must be money with at most six decimals");
}

/** `store` from the wire. Throws `Problem` where nothing can be kept. */
export function readStore(
  store: boolean | null | undefined,
  { keepOutcome }: Pick<Parts, "keepOutcome">,
): boolean {
  if (store === true && keepOutcome === null) throw fieldProblem("storage_unavailable", "store");
  return store === true;
}

/** `abstain` from the wire. */
export function readAbstain(
  rule: { target_error: number } | { below: number } | null | undefined,
): Abstain | null {
  if (!rule) return null;
  return "below" in rule
    ? { kind: "below", threshold: rule.below }
    : { kind: "target_error", targetError: rule.target_error };
}

export interface WireCount {
  readonly k?: number | "auto" | undefined;
  readonly max_k?: number | null | undefined;
  /** Candidates that are needed at least: `n` of a chat. */
  readonly n?: number | null | undefined;
}

/**
 * `k` and `max_k` from the wire. Throws `Problem` for more than may be asked for, a `max_k` beside a number, or a number
 * where the plan says how many candidates its LLMs write.
 */
export function readK(
  wire: WireCount,
  prefix: "" | "medadapter.",
  { maxK: most }: Pick<Config, "maxK">,
  { stages: [first] }: BoundPlan,
): Pick<Ask, "k" | "adaptive"> {
  const fields = { k: `${prefix}k`, max_k: `${prefix}max_k` };
  const least = atMost(most, wire.n, "n") ?? 1;
  const planned = (first?.members ?? []).map(({ candidates }) => candidates);
  if (planned.every((candidates) => candidates !== null)) {
    const k = planned.reduce((sum, candidates) => sum + candidates, 0);
    const own = [fields.k, fields.max_k].at(typeof wire.k === "number" ? 0 : 1) ?? "";
    if (typeof wire.k === "number" || wire.max_k != null) {
      throw fieldProblem("invalid_request", own, "is given by this model's plan");
    }
    if (least > k) {
      throw fieldProblem("invalid_request", "n", `must be at most ${k} for this model`);
    }
    return { k, adaptive: wire.k === "auto" ? { least } : null };
  }
  const usual = Math.max(Math.min(DEFAULT_K, most), least);
  if (wire.k === "auto") {
    return { k: atMost(most, wire.max_k, fields.max_k) ?? usual, adaptive: { least } };
  }
  if (wire.max_k == null) return { k: atMost(most, wire.k, fields.k) ?? usual, adaptive: null };
  throw fieldProblem("invalid_request", fields.max_k, 'goes with k: "auto" only');
}
