/** `GET /v1/models`: what can be asked for: LLMs, the adapter that ranks them, tasks. */
import { createRoute, type RouteHandler, z } from "@hono/zod-openapi";
import { taskIds } from "../../tasks/registry.ts";
import { mayUseAdapter } from "../access/caller.ts";
import { adapterOf } from "../adapters/config.ts";
import type { AppEnv } from "../config/parts.ts";
import { problemResponses } from "../http/schema.ts";

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
        }),
      }),
    ),
  })
  .openapi("ModelList");

export const modelsRoute = createRoute({
  method: "get",
  path: "/v1/models",
  tags: ["Answers"],
  summary: "The LLMs that can be asked, each with its adapter",
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
  const { config, rollouts } = c.get("parts");
  const data = config.models.map((id) => {
    const name = adapterOf(id, config);
    const stable = rollouts.get(name)?.parts.stable;
    void stable?.refresh((work) => c.executionCtx.waitUntil(work));
    const mine = mayUseAdapter(c.get("caller"), name, config.access.adapterTenants);
    const manifest = mine ? stable?.current()?.ranker.manifest : undefined;
    return {
      id,
      object: "model" as const,
      created: manifest ? Math.floor(Date.parse(manifest.createdAt) / 1000) : 0,
      owned_by: "medadapter",
      medadapter: {
        adapter: manifest ? { name: manifest.name, version: manifest.version } : null,
        tasks: [...taskIds],
      },
    };
  });
  return c.json({ object: "list" as const, data }, 200);
};
