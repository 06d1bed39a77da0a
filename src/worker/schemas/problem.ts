/** Errors on the wire: RFC 9457 problem details with OpenAI's `error` member. */
import { z } from "@hono/zod-openapi";
import { rateLimits, retryAfter } from "./headers.ts";

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
