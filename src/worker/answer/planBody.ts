/** What an answer tells of its plan: who wrote, who was skipped, why a further stage was entered, what it cost. */
import { z } from "@hono/zod-openapi";
import { Money, wireMoney } from "../http/money.ts";
import { BOUND_NAMES } from "../plans/bounds.ts";
import { ESCALATIONS, type Escalation } from "../plans/schedule.ts";
import type { Outcome, RankedCandidate } from "./outcome.ts";
import { costOf, type LlmUsage } from "./spending.ts";

const Judged = z.object({
  by: z.enum(["confidence", "agreement"]),
  value: z.number().openapi({
    description:
      "What it came to; where candidates were still to come, the most that it could have come to.",
  }),
  threshold: z.number().openapi({ description: "What would have been enough." }),
});

export const EscalationSchema = z
  .object({
    stage: z.int().openapi({ description: "The stage that was entered, from 1." }),
    reason: z.enum(ESCALATIONS).openapi({
      description:
        "`unsure`: by the plan's rule. `no_answer`: no candidate gave one. `failed`: no candidate came.",
    }),
    judged: Judged.nullable().openapi({ description: "How the stage before was judged." }),
  })
  .openapi("Escalation");

export const PlanParts = {
  llm: z.string().nullable().openapi({ description: "The LLM that wrote the chosen candidate." }),
  escalated: z.boolean().openapi({ description: "Whether a further stage was entered." }),
  escalations: z.array(EscalationSchema),
  skipped: z.array(z.object({ llm: z.string(), reason: z.string(), candidates: z.int() })).openapi({
    description:
      "LLMs that wrote less than the plan says, and why. `breaker`: it had been down shortly before, and was not asked.",
  }),
  bounded: z
    .array(z.object({ bound: z.enum(BOUND_NAMES), stage: z.int(), llms: z.array(z.string()) }))
    .openapi({
      description:
        "What the request's bounds, or those of its key, took away from the plan: LLMs that were not asked.",
    }),
  cost: Money.nullable().openapi({
    description:
      "By the tokens that the LLMs reported and the prices that the deployment knows; null where one is not known.",
  }),
};

export const LlmUsageSchema = z
  .object({
    llm: z.string(),
    prompt_tokens: z.int(),
    cached_tokens: z.int().openapi({ description: "Of the prompt's tokens." }),
    completion_tokens: z.int(),
    reasoning_tokens: z.int().nullable().openapi({ description: "Null: it tells none." }),
    requests: z.int().openapi({ description: "HTTP requests, with retries." }),
    cost: Money.nullable(),
  })
  .openapi("LlmUsage");

/** @param currency of the deployment's prices, ISO 4217 */
export function planParts(outcome: Outcome, currency: string) {
  const { chosen, escalations, skipped, bounded, used } = outcome;
  return {
    llm: chosen?.llm.name ?? null,
    escalated: escalations.length > 0,
    escalations: escalations.map(wireEscalation),
    skipped: skipped.map(({ llm, reason, candidates }) => ({ llm, reason, candidates })),
    bounded: bounded.map(({ bound, stage, llms }) => ({ bound, stage, llms: [...llms] })),
    cost: wireCost(costOf(used), currency),
  };
}

export function wireEscalation({ stage, reason, judged }: Escalation) {
  return { stage, reason, judged: judged === null ? null : { ...judged } };
}

export function wireUsage(used: readonly LlmUsage[], currency: string) {
  return used.map((one) => ({
    llm: one.llm.name,
    prompt_tokens: one.promptTokens,
    cached_tokens: one.cachedTokens,
    completion_tokens: one.completionTokens,
    reasoning_tokens: one.reasoningTokens,
    requests: one.requests,
    cost: wireCost(one.micros, currency),
  }));
}

function wireCost(micros: number | null, currency: string) {
  return micros === null ? null : wireMoney(micros, currency);
}

/** Votes for each answer, over all stages, with the LLMs that gave them: the answers in the order of the ranking. */
export function votesOf(candidates: readonly RankedCandidate[]) {
  const votes = new Map<string, Map<string, number>>();
  for (const { answer, source } of candidates) {
    if (answer === null) continue;
    const by = votes.get(answer) ?? new Map<string, number>();
    by.set(source, (by.get(source) ?? 0) + 1);
    votes.set(answer, by);
  }
  return [...votes].map(([answer, by]) => ({
    answer,
    count: [...by.values()].reduce((sum, n) => sum + n, 0),
    by_llm: Object.fromEntries(by),
  }));
}
