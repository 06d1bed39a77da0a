/**
 * What all routes share in `/openapi.json`: its head, headers of requests and responses, and problems (RFC 9457 problem
 * details with OpenAI's `error` member).
 */
import { z } from "@hono/zod-openapi";

/** The header of POST routes that support it. The ledger checks it before the body is read, so any text passes here. */
export const idempotencyKey = z.object({
  "Idempotency-Key": z.string().optional().openapi({
    description:
      "The same key with the same body gets the first answer again, for 24 hours. With it the work goes on when the client leaves.",
    pattern: '^"?[!#-~]{1,255}"?$',
  }),
});

const text = (description: string) => ({ description, schema: { type: "string" as const } });

/** Headers of answers that cost nothing. */
export const keptHeaders = {
  "idempotent-replayed": {
    description: "There where an earlier request with this Idempotency-Key had the answer.",
    schema: { type: "string" as const, enum: ["true"] },
  },
};

/** Headers for a key or token with a quota: the ledger's exact figures. */
export const rateLimits = {
  "x-ratelimit-limit-requests": text("Requests a month; there where there is a quota."),
  "x-ratelimit-remaining-requests": text("What is left of them, this request counted."),
  "x-ratelimit-reset-requests": text("Until the month ends, such as `412h3m9s`."),
};

export const retryAfter = {
  "Retry-After": {
    description: "Seconds to wait before another try, where that may help.",
    schema: { type: "integer" as const, minimum: 1 },
  },
};

/** Of keys and users with a spending cap. */
export const spendWarnings = {
  "x-medadapter-spend-warning": text(
    'Caps of which 80 % or more are spent, such as `key-day;spent="4.100000";cap="5.000000";reset=3600`: money of the deployment\'s currency, and seconds until the day or month ends.',
  ),
};

/** Headers of answers that are counted. */
export const answerHeaders = { ...keptHeaders, ...rateLimits, ...spendWarnings };

export const OpenAIError = z.object({
  message: z.string(),
  type: z.string(),
  code: z.string(),
  param: z.string().nullable(),
});

const Spending = z.object({
  of: z.enum(["key", "user"]),
  period: z.enum(["day", "month"]),
  cap: z.string(),
  spent: z.string(),
  held: z.string().openapi({ description: "The most that requests which run now can still cost." }),
  request: z.string().openapi({ description: "The most that this request can cost." }),
  resets_at: z.string(),
});

const ProblemBody = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    instance: z.string(),
    code: z.string(),
    errors: z.array(z.object({ field: z.string(), reason: z.string() })),
    spending: Spending.optional().openapi({
      description: "Of `spending_cap_reached`: the cap that has no room, in decimal money.",
    }),
    urgent: z.boolean().optional(),
    urgent_text: z.string().optional().openapi({
      description: "There where the question tells of an emergency: to be shown first.",
    }),
    error: OpenAIError,
  })
  .openapi("Problem");

const content = { "application/problem+json": { schema: ProblemBody } };

/** The refusals of every route that asks an LLM or scores. Other routes pick theirs. */
export const problemResponses = {
  400: { description: "A field is missing, not valid or not supported", content },
  401: { description: "No valid API key or token", content },
  403: {
    description: "The key's scopes do not cover this, or its spending cap cannot be kept for it",
    content,
  },
  404: { description: "Model, adapter or key unknown, or question not recorded", content },
  408: { description: "The body came too slowly", content },
  409: {
    description: "An earlier request with this Idempotency-Key still runs",
    headers: retryAfter,
    content,
  },
  413: { description: "Body over 1 MiB", content },
  415: { description: "Body is not JSON", content },
  422: {
    description:
      "Idempotency-Key used before with another body, or on /v1/answer for another form of the answer",
    content,
  },
  429: {
    description: "Quota or money used up, or too many requests: see Retry-After",
    headers: { ...retryAfter, ...rateLimits, ...spendWarnings },
    content,
  },
  500: { description: "The service is not configured, or has a bug", content },
  502: { description: "The LLM failed", content },
  503: {
    description: "Overloaded, or nothing to serve with: see Retry-After",
    headers: retryAfter,
    content,
  },
  504: { description: "The LLM took too long", content },
};

/** The refusals that all routes of batches and feedback share. */
export const keepingRefusals = {
  400: problemResponses[400],
  401: problemResponses[401],
  403: problemResponses[403],
  429: problemResponses[429],
  500: problemResponses[500],
  503: problemResponses[503],
};

/** The head of `/openapi.json`; its paths and schemas come from the routes themselves. */
export const openApiDocument = {
  openapi: "3.1.0",
  info: {
    title: "MedAdapter Edge",
    version: "0.1.0",
    description:
      "Medical questions answered by a frozen LLM, its candidates ranked by a small adapter, with a calibrated confidence. Not medical advice.",
    license: { name: "Apache-2.0", identifier: "Apache-2.0" },
  },
  security: [{ bearer: [] }],
  tags: [
    { name: "Answers", description: "Ask, chat, score." },
    { name: "Usage and keys", description: "What was used, and who may call." },
    { name: "Service", description: "Probes." },
  ],
};

/** How callers authenticate. A deployment that is open on localhost asks for nothing there. */
export const bearerScheme = {
  type: "http" as const,
  scheme: "bearer",
  description: "An API key (`ma_...`) or a JWT of the configured issuer.",
};
