/** `GET /v1/usage`: what was used and what it cost, exactly, by day, key, adapter version and LLM; and the caller's caps. */
import { createRoute, type RouteHandler, z } from "@hono/zod-openapi";
import type { AppEnv } from "../config/parts.ts";
import { Money, wireMoney } from "../http/money.ts";
import { Problem } from "../http/problems.ts";
import { problemResponses } from "../http/schema.ts";
import { dayOf } from "./calendar.ts";
import { GROUPS, type UsageRow } from "./ledger.ts";
import { CAPPED, type CapState, capsOf, PERIODS, type UserSpent, userOf } from "./spend.ts";

const Day = z.iso.date().openapi({ example: "2026-11-23" });

const MOST_USERS = 500;

const UsageQuery = z.object({
  from: Day.optional().openapi({ description: "First day in UTC (default: of this month)." }),
  to: Day.optional().openapi({ description: "Last day, included (default: today)." }),
  group_by: z
    .string()
    .regex(/^(day|key|adapter|llm)(,(day|key|adapter|llm))*$/)
    .default("day")
    .openapi({
      description:
        "Of day, key, adapter, llm, separated by commas. With llm a request counts for each LLM that it asked.",
    }),
  users: z.coerce.number().int().min(1).max(MOST_USERS).optional().openapi({
    description:
      "How many of the apps' users to list, those first who have spent most in this month. Needs the scope `usage`.",
  }),
});

const count = z.int().min(0);
const Cap = z
  .object({
    of: z.enum(CAPPED),
    period: z.enum(PERIODS),
    cap: Money,
    spent: Money,
    held: Money.openapi({ description: "The most that requests which run now can still cost." }),
    resets_at: z.string().openapi({ description: "When the day or month ends, in UTC." }),
  })
  .openapi("SpendingCap");
const UsageList = z
  .object({
    object: z.literal("list"),
    from: z.string(),
    to: z.string(),
    group_by: z.array(z.enum(GROUPS)),
    currency: z.string().openapi({ description: "Of all money here: ISO 4217." }),
    spending: z.array(Cap).openapi({
      description: "The spending caps of the calling key, or of the token's user.",
    }),
    users: z
      .array(z.object({ user: z.string(), spent_day: Money, spent_month: Money }))
      .optional()
      .openapi({
        description:
          "Asked for by `users`: what users of apps have spent in the running day and month, by the hash of their token's subject.",
      }),
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
        llm: z.string().optional(),
        requests: count,
        candidates_scored: count.optional().openapi({ description: "Not with llm." }),
        adapter_tokens: count.optional().openapi({ description: "Not with llm." }),
        prompt_tokens: count,
        cached_tokens: count.optional().openapi({
          description: "With llm: of the prompt's tokens, those that the provider had cached.",
        }),
        completion_tokens: count,
        llm_requests: count.openapi({ description: "HTTP requests to the LLM, with retries." }),
        cost: Money.openapi({ description: "By the prices that were configured at the time." }),
        unpriced_requests: count.openapi({
          description: "Of the requests, those that asked an LLM without a price: it counts as 0.",
        }),
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
  const { ledgerOf, config } = c.get("parts");
  const { currency } = config;
  const ledger = ledgerOf(caller.tenant);
  const caps = capsOf(caller);
  const user = userOf(caller);
  if (query.users !== undefined && !all) throw new Problem("insufficient_scope");
  const [rows, states, users] = await Promise.all([
    ledger.usage({ from, to, groupBy, keyId }),
    caps.length === 0 ? [] : ledger.caps(caller.keyId, { caps, user }),
    query.users === undefined ? null : ledger.topUsers(query.users),
  ]).catch(() => {
    throw new Problem("ledger_unavailable");
  });
  const body = {
    ...{ object: "list" as const, from, to, group_by: groupBy, currency },
    spending: states.map((state) => wireCap(state, currency)),
    ...(users === null ? {} : { users: users.map((one) => wireUser(one, currency)) }),
    data: rows.map((row) => wireRow(row, currency)),
  };
  return c.json(body, 200);
};

function wireCap(state: CapState, currency: string) {
  const { of, period, micros, spentMicros, heldMicros, resetsAt } = state;
  return {
    ...{ of, period },
    cap: wireMoney(micros, currency),
    spent: wireMoney(spentMicros, currency),
    held: wireMoney(heldMicros, currency),
    resets_at: new Date(resetsAt).toISOString(),
  };
}

function wireUser({ user, dayMicros, monthMicros }: UserSpent, currency: string) {
  return {
    user,
    spent_day: wireMoney(dayMicros, currency),
    spent_month: wireMoney(monthMicros, currency),
  };
}

function wireRow(row: UsageRow, currency: string) {
  return {
    ...(row.day === undefined ? {} : { day: row.day }),
    ...(row.key === undefined ? {} : { key: row.key }),
    ...(row.adapter === undefined ? {} : { adapter: row.adapter }),
    ...(row.llm === undefined ? {} : { llm: row.llm }),
    requests: row.requests,
    ...(row.candidates === undefined ? {} : { candidates_scored: row.candidates }),
    ...(row.adapterTokens === undefined ? {} : { adapter_tokens: row.adapterTokens }),
    prompt_tokens: row.promptTokens,
    ...(row.cachedTokens === undefined ? {} : { cached_tokens: row.cachedTokens }),
    completion_tokens: row.completionTokens,
    llm_requests: row.llmRequests,
    cost: wireMoney(row.costMicros, currency),
    unpriced_requests: row.unpricedRequests,
    estimated_requests: row.estimatedRequests,
  };
}
