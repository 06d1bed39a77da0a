/** Headers of requests and responses, for `/openapi.json`: what reads and writes them stands elsewhere. */
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
