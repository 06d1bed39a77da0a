/** `/v1/admin/keys`: makes, lists and revokes API keys for whoever knows the Worker's secret ADMIN_TOKEN. */
import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { createMiddleware } from "hono/factory";
import { DECIMAL_MONEY } from "../../net/money.ts";
import type { AppEnv } from "../config/parts.ts";
import { fieldProblem, Problem } from "../http/problems.ts";
import { problemResponses } from "../http/schema.ts";
import { LLM_NAME, NAME, type Scope } from "./caller.ts";
import { type KeyStore, revokeKey } from "./keyStore.ts";
import { isSameText, KEY_ID, makeKey, shownKey } from "./keys.ts";

/** Lets in callers who know the secret. Without a secret or a key store the routes do not exist. */
export function adminOnly() {
  return createMiddleware<AppEnv>(async (c, next) => {
    const { config, keyStore } = c.get("parts");
    const { adminToken } = config.access;
    if (adminToken === null || keyStore === null) throw new Problem("not_found");
    const [, given] = /^bearer +([^\s]+)$/i.exec(c.req.header("authorization") ?? "") ?? [];
    if (!(await isSameText(given ?? "", adminToken))) throw new Problem("invalid_api_key");
    await next();
  });
}

const LlmWords = z.array(z.string().regex(LLM_NAME)).max(64);
const cap = (when: string) =>
  z
    .union([z.string(), z.number()])
    .refine((money) => DECIMAL_MONEY.test(String(money)))
    .nullish()
    .openapi({ description: `Decimal money that it may spend ${when}.`, example: "25.00" });

/** A bound that is not wished is left out of the record, so that older versions of the Worker know its form. */
function wishOf<
  Wish extends { spend_day?: Cap; spend_month?: Cap; llms?: string[] | null | undefined },
>({ spend_day, spend_month, llms, ...wish }: Wish) {
  return {
    ...wish,
    ...(spend_day == null ? {} : { spend_day: String(spend_day) }),
    ...(spend_month == null ? {} : { spend_month: String(spend_month) }),
    ...(llms == null ? {} : { llms }),
  };
}
type Cap = string | number | null | undefined;

const json = <Schema extends z.ZodType>(schema: Schema) => ({
  "application/json": { schema },
});

/**
 * Adds the routes behind `adminOnly`.
 * @param scopes all scopes that a key may have: the core's and those of the built-in features
 */
export function adminRoutes(app: OpenAPIHono<AppEnv>, scopes: readonly Scope[]): void {
  const ScopeName = z.enum(scopes as readonly [Scope, ...Scope[]]);

  const WireWish = z
    .strictObject({
      tenant: z.string().regex(NAME),
      scopes: z.array(ScopeName).min(1),
      adapters: z.array(z.string().regex(NAME)).min(1).nullable().default(null),
      quota: z.int().min(0).nullable().default(null).openapi({ description: "Requests a month." }),
      llms: LlmWords.min(1)
        .nullish()
        .openapi({ description: "Names or tags of LLMs that alone may be asked." }),
      forbid_llms: LlmWords.optional().openapi({
        description: "Names or tags of LLMs that must not be asked.",
      }),
      spend_day: cap("in a day, in UTC"),
      spend_month: cap("in a calendar month"),
    })
    .openapi("KeyWish");

  const WireKey = z
    .object({
      id: z.string(),
      tenant: z.string(),
      scopes: z.array(ScopeName),
      adapters: z.array(z.string()).nullable(),
      quota: z.int().nullable(),
      llms: z.array(z.string()).nullable(),
      forbid_llms: z.array(z.string()),
      spend_day: z.string().nullable(),
      spend_month: z.string().nullable(),
      created: z.string(),
      revoked: z.string().nullable(),
    })
    .openapi("Key");

  const createKeyRoute = createRoute({
    method: "post",
    path: "/v1/admin/keys",
    tags: ["Usage and keys"],
    summary: "Make an API key: it is shown this once",
    request: { body: { required: true, content: json(WireWish) } },
    responses: {
      201: { description: "Made", content: json(WireKey.extend({ key: z.string() })) },
      400: problemResponses[400],
      401: problemResponses[401],
      408: problemResponses[408],
      413: problemResponses[413],
      415: problemResponses[415],
      500: problemResponses[500],
    },
  });

  const listKeysRoute = createRoute({
    method: "get",
    path: "/v1/admin/keys",
    tags: ["Usage and keys"],
    summary: "API keys, without their secrets, a page at a time",
    request: {
      query: z.object({
        // A request may read a thousand entries of KV.
        limit: z.coerce.number().int().min(1).max(500).default(100),
        cursor: z
          .string()
          .min(1)
          .max(1_024)
          .optional()
          .openapi({ description: "The `next_cursor` of the page before." }),
      }),
    },
    responses: {
      200: {
        description:
          "At most `limit`, revoked ones too, oldest first within the page; the next page follows while `next_cursor` is not null",
        content: json(
          z.object({
            object: z.literal("list"),
            data: z.array(WireKey),
            next_cursor: z.string().nullable(),
          }),
        ),
      },
      400: problemResponses[400],
      401: problemResponses[401],
      500: problemResponses[500],
    },
  });

  const revokeKeyRoute = createRoute({
    method: "delete",
    path: "/v1/admin/keys/{id}",
    tags: ["Usage and keys"],
    summary: "Revoke an API key: refused everywhere within 60 s",
    request: { params: z.object({ id: z.string().regex(KEY_ID) }) },
    responses: {
      200: { description: "Revoked", content: json(WireKey) },
      400: problemResponses[400],
      401: problemResponses[401],
      404: problemResponses[404],
      500: problemResponses[500],
    },
  });

  app.openapi(createKeyRoute, async (c) => {
    const store = storeOf(c.get("parts").keyStore);
    const { key, record } = await makeKey(wishOf(c.req.valid("json")), new Date());
    await store.put(record);
    return c.json({ key, ...shownKey(record) }, 201);
  });

  app.openapi(listKeysRoute, async (c) => {
    const { limit, cursor = null } = c.req.valid("query");
    const { records, next } = await storeOf(c.get("parts").keyStore)
      .page(limit, cursor)
      .catch((error: unknown) => {
        // KV has its own words for a bad cursor. Without a cursor the fault is not the caller's.
        if (cursor === null || !/\b400\b|cursor/iu.test(String(error))) throw error;
        throw fieldProblem("invalid_request", "cursor", "must be the next_cursor of a page");
      });
    return c.json({ object: "list" as const, data: records.map(shownKey), next_cursor: next }, 200);
  });

  app.openapi(revokeKeyRoute, async (c) => {
    const store = storeOf(c.get("parts").keyStore);
    const record = await revokeKey(store, c.req.valid("param").id, new Date());
    if (record === null) throw new Problem("not_found");
    return c.json(shownKey(record), 200);
  });
}

/** `adminOnly` has checked that there is one. */
function storeOf(store: KeyStore | null): KeyStore {
  if (store === null) throw new Problem("not_found");
  return store;
}
