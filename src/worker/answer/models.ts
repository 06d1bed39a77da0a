/** `GET /v1/models`: what can be asked for: plans with their LLMs, the adapter that ranks them, tasks. */
import { createRoute, type RouteHandler, z } from "@hono/zod-openapi";
import type { PlanFit } from "../../adapter/select/planFit.ts";
import { taskIds } from "../../tasks/registry.ts";
import { mayUseAdapter } from "../access/caller.ts";
import { adapterOf } from "../adapters/config.ts";
import type { AppEnv } from "../config/parts.ts";
import { problemResponses } from "../http/schema.ts";
import { priceText } from "../ledger/money.ts";
import { boundPlan, NO_BOUNDS } from "../plans/bounds.ts";
import type { Llm } from "../plans/llms.ts";
import { LEAVE_BY, type Stage } from "../plans/plans.ts";

const PlanLlm = z.object({
  llm: z.string(),
  candidates: z.int().nullable().openapi({ description: "Null: as many as the request says." }),
  tags: z.array(z.string()),
  price: z
    .object({ in: z.string(), out: z.string(), cached: z.string(), currency: z.string() })
    .nullable()
    .openapi({ description: "Money a million tokens; null: not configured." }),
});

const PlanStage = z
  .object({
    stage: z.int(),
    llms: z.array(PlanLlm),
    instead: z.array(PlanLlm.omit({ candidates: true })).openapi({
      description: "Take the places of LLMs that are down, in this order.",
    }),
    auto: z.boolean().openapi({ description: "Candidates in waves, until the leader is settled." }),
    leave: z
      .object({ by: z.enum(LEAVE_BY), value: z.number() })
      .nullable()
      .openapi({ description: "When its answer is good enough; null: the default rule." }),
  })
  .openapi("PlanStage");

const ModelList = z
  .object({
    object: z.literal("list"),
    data: z.array(
      z.object({
        id: z.string(),
        object: z.literal("model"),
        created: z.int(),
        owned_by: z.string(),
        medadapter: z.object({
          adapter: z.object({ name: z.string(), version: z.string() }).nullable(),
          tasks: z.array(z.string()),
          fit: z
            .object({
              version: z.string(),
              created_at: z.string(),
              metrics: z.array(
                z.object({
                  set: z.string(),
                  rule: z.string(),
                  n: z.int(),
                  value: z.number(),
                  low: z.number(),
                  high: z.number(),
                }),
              ),
            })
            .nullable()
            .openapi({
              description:
                "What was fitted for the plan, and measured on questions that it was not fitted on.",
            }),
          stages: z.array(PlanStage).openapi({
            description: "The LLMs that answer, stage by stage, as far as the caller may use them.",
          }),
        }),
      }),
    ),
  })
  .openapi("ModelList");

export const modelsRoute = createRoute({
  method: "get",
  path: "/v1/models",
  tags: ["Answers"],
  summary: "The plans that can be asked, each with its LLMs and its adapter",
  responses: {
    200: {
      description: "In OpenAI's form",
      content: { "application/json": { schema: ModelList } },
    },
    401: problemResponses[401],
    429: problemResponses[429],
    500: problemResponses[500],
    503: problemResponses[503],
  },
});

export const getModels: RouteHandler<typeof modelsRoute, AppEnv> = async (c) => {
  const { config, rollouts, planFits } = c.get("parts");
  const caller = c.get("caller");
  const waitUntil = (work: Promise<unknown>) => c.executionCtx.waitUntil(work);
  const fits = new Map<string, PlanFit | null>();
  for (const [name, fitted] of planFits) fits.set(name, await fitted.forRequest(null, waitUntil));
  const data = [...config.plans.values()].flatMap((plan) => {
    const { stages } = boundPlan(plan, NO_BOUNDS, caller);
    if (stages.length === 0) return [];
    const name = adapterOf(plan.name, config);
    const stable = rollouts.get(name)?.parts.stable;
    void stable?.refresh((work) => c.executionCtx.waitUntil(work));
    const mine = mayUseAdapter(caller, name, config.access.adapterTenants);
    const manifest = mine ? stable?.current()?.ranker.manifest : undefined;
    return {
      id: plan.name,
      object: "model" as const,
      created: manifest ? Math.floor(Date.parse(manifest.createdAt) / 1000) : 0,
      owned_by: "medadapter",
      medadapter: {
        adapter: manifest ? { name: manifest.name, version: manifest.version } : null,
        tasks: [...taskIds],
        fit: wireFit(fits.get(plan.fit ?? "") ?? null),
        stages: stages.map((stage) => wireStage(stage, config.currency)),
      },
    };
  });
  return c.json({ object: "list" as const, data }, 200);
};

function wireFit(fit: PlanFit | null) {
  if (fit === null) return null;
  return { version: fit.version, created_at: fit.createdAt, metrics: [...fit.metrics] };
}

function wireStage(stage: Stage & { readonly number: number }, currency: string) {
  const wireLlm = ({ name, tags, price }: Llm) => ({
    llm: name,
    tags: [...tags],
    price: price === null ? null : { ...priceText(price), currency },
  });
  return {
    stage: stage.number,
    llms: stage.members.map(({ llm, candidates }) => ({ ...wireLlm(llm), candidates })),
    instead: stage.instead.map(wireLlm),
    auto: stage.auto,
    leave: stage.leave === null ? null : { ...stage.leave },
  };
}
