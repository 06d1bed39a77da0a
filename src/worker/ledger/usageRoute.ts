/** `GET /v1/usage`: what was used, exactly, by day, key and adapter version. */
import { createRoute, type RouteHandler, z } from "@hono/zod-openapi";
import type { AppEnv } from "../config/parts.ts";
import { Problem } from "../http/problems.ts";
import { problemResponses } from "../http/schema.ts";
import { GROUPS, type UsageRow } from "./ledger.ts";
import { dayOf } from "./usageTables.ts";

const Day = z.iso.date().openapi({ example: "2026-11-23" });

const UsageQuery = z.object({
  from: Day.optional().openapi({ description: "First day in UTC (default: of this month)." }),
  to: Day.optional().openapi({ description: "Last day, included (default: today)." }),
  group_by: z
    .string()
    .regex(/^(day|key|adapter)(,(day|key|adapter))*$/)
    .default("day")
    .openapi({ description: "Of day, key, adapter, separated by commas." }),
});

const count = z.int().min(0);
const UsageList = z
  .object({
    object: z.literal("list"),
    from: z.string(),
    to: z.string(),
    group_by: z.array(z.enum(GROUPS)),
    data: z.array(
      z.object({
        day: z.string().optional(),
        key: z.string().optional().openapi({
          description: "A key's id; `token` for the tokens of mobile apps.",
        }),
        adapter: z
          .string()
          .nullish()
          .openapi({ description: "`name@version`; null: none scored." }),
        requests: count,
        candidates_scored: count,
        adapter_tokens: count,
        prompt_tokens: count,
        completion_tokens: count,
        llm_requests: count.openapi({ description: "HTTP requests to the LLM, with retries." }),
        estimated_requests: count.openapi({
          description: "Of the requests, those that never reported: their figures are estimates.",
        }),
      }),
    ),
  })
  .openapi("Usage");

export const usageRoute = createRoute({
  method: "get",
  path: "/v1/usage",
  tags: ["Usage and keys"],
  summary:
    "Exact usage: of the tenant with the scope `usage`, else of the calling key; a token needs the scope",
  request: { query: UsageQuery },
  responses: {
    200: {
      description: "One entry a group, in the order of the groups",
      content: { "application/json": { schema: UsageList } },
    },
    400: problemResponses[400],
    401: problemResponses[401],
    403: problemResponses[403],
    429: problemResponses[429],
    500: problemResponses[500],
    503: problemResponses[503],
  },
});

export const getUsage: RouteHandler<typeof usageRoute, AppEnv> = async (c) => {
  const query = c.req.valid("query");
  const caller = c.get("caller");
  const all = caller.scopes.includes("usage");
  // All tokens of a tenant are counted under one name: what one user's own would be, nobody knows.
  if (!all && caller.how === "token") throw new Problem("insufficient_scope");
  const today = dayOf(Date.now());
  const from = query.from ?? `${today.slice(0, 7)}-01`;
  const to = query.to ?? today;
  const groupBy = GROUPS.filter((group) => query.group_by.split(",").includes(group));
  const keyId = all ? null : caller.keyId;
  const ledger = c.get("parts").ledgerOf(caller.tenant);
  const rows = await ledger.usage({ from, to, groupBy, keyId }).catch(() => {
    throw new Problem("ledger_unavailable");
  });
  const data = rows.map(wireRow);
  return c.json({ object: "list" as const, from, to, group_by: groupBy, data }, 200);
};

function wireRow(row: UsageRow) {
  return {
    ...(row.day === undefined ? {} : { day: row.day }),
    ...(row.key === undefined ? {} : { key: row.key }),
    ...(row.adapter === undefined ? {} : { adapter: row.adapter }),
    requests: row.requests,
    candidates_scored: row.candidates,
    adapter_tokens: row.adapterTokens,
    prompt_tokens: row.promptTokens,
    completion_tokens: row.completionTokens,
    llm_requests: row.llmRequests,
    estimated_requests: row.estimatedRequests,
  };
}
