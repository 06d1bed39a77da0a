/**
 * Errors on the wire: RFC 9457 problem details with OpenAI's `error` member.
 *
 * Headers of requests and responses, for `/openapi.json`: what reads and writes them stands elsewhere.
 */
import { z } from "@hono/zod-openapi";

/** Of the POST routes that know it. Checked by the ledger's own reader, before the body is: here any text passes. */
export const idempotencyKey = z.object({
  "Idempotency-Key": z.string().optional().openapi({
    description:
      "The same key with the same body gets the first answer again, for 24 hours. With it the work goes on when the client leaves.",
    pattern: '^"?[!#-~]{1,255}"?$',
  }),
});

const text = (description: string) => ({ description, schema: { type: "string" as const } });

/** Of answers that cost nothing. */
export const keptHeaders = {
  "idempotent-replayed": {
    description: "There where an earlier request with this Idempotency-Key had the answer.",
    schema: { type: "string" as const, enum: ["true"] },
  },
};

/** Of a key or a token with a quota, from the ledger's exact figures. */
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

/** Of answers that are counted. */
export const answerHeaders = { ...keptHeaders, ...rateLimits };

export const OpenAIError = z.object({
  message: z.string(),
  type: z.string(),
  code: z.string(),
  param: z.string().nullable(),
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
    urgent: z.boolean().optional(),
    urgent_text: z.string().optional().openapi({
      description: "There where the question tells of an emergency: to be shown first.",
    }),
    error: OpenAIError,
  })
  .openapi("Problem");

const content = { "application/problem+json": { schema: ProblemBody } };

/** Responses that every route that asks or scores can give; other routes name those of theirs. */
export const problemResponses = {
  400: { description: "A field is missing, not valid or not supported", content },
  401: { description: "No valid API key or token", content },
  403: { description: "The key's scopes do not cover this", content },
  404: { description: "Model, adapter or key unknown, or question not recorded", content },
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
    description: "Quota used up, or too many requests: see Retry-After",
    headers: { ...retryAfter, ...rateLimits },
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

/** Of them those of every route that takes parameters and keeps content, beside its own. */
export const keepingRefusals = {
  400: problemResponses[400],
  401: problemResponses[401],
  403: problemResponses[403],
  429: problemResponses[429],
  500: problemResponses[500],
  503: problemResponses[503],
};
