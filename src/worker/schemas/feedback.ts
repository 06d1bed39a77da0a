/** `POST /v1/feedback`: an answer's id and exactly one word on how it turned out. */
import { z } from "@hono/zod-openapi";

export const FeedbackRequest = z
  .strictObject({
    id: z.string().min(1).max(128).openapi({ description: "The answer's `id`." }),
    correct: z.boolean().optional().openapi({ description: "Whether the chosen answer is right." }),
    gold: z
      .string()
      .min(1)
      .max(64)
      .optional()
      .openapi({ description: "The right option's label." }),
    rating: z.int().min(1).max(5).optional().openapi({ description: "Of the chosen answer." }),
  })
  .refine(({ correct, gold, rating }) => given(correct, gold, rating) === 1, {
    message: "must have exactly one of correct, gold, rating",
  })
  .openapi("FeedbackRequest");

export type FeedbackRequest = z.infer<typeof FeedbackRequest>;

export const FeedbackBody = z
  .object({
    id: z.string(),
    object: z.literal("feedback"),
    trusted: z.boolean().openapi({
      description: "Whether training will believe it: the key has the scope `feedback:trusted`.",
    }),
  })
  .openapi("Feedback");

function given(...values: readonly unknown[]): number {
  return values.filter((value) => value !== undefined).length;
}
