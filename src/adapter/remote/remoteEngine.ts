/** The manifest's field `engine`, read as strictly as the rest of it. */
import { z } from "zod";

/**
 * An engine outside of the isolate: `http`, a /rerank server whose URL the deployment knows, or a reranker of Workers
 * AI. Absent: the engines built in, on the bundle's own files.
 */
export const remoteEngine = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("http"),
    /** The server's name of the model; absent: it has only one. */
    model: z.string().min(1).max(200).optional(),
  }),
  z.strictObject({
    kind: z.literal("workers-ai"),
    model: z.string().regex(/^@[a-z]+\/[\w.-]+\/[\w.-]+$/),
    /** What its scores are. */
    scores: z.enum(["logits", "probabilities"]),
  }),
]);

export type RemoteEngine = z.infer<typeof remoteEngine>;
