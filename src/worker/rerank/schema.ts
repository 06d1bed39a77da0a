/**
 * The rerank routes: Cohere's form, with what Jina's and Voyage's have beside it, and Text Embeddings Inference's, each
 * answered in its own. Fields of these services that say nothing here are passed over.
 */
import { z } from "@hono/zod-openapi";
import {
  AdapterName,
  ContextText,
  EvidenceText,
  Options,
  ServingAdapter,
  TaskId,
} from "../answer/fields.ts";

/** Each is scored for itself; about 70 ms of CPU a text in workerd. */
const MAX_TEXTS = 256;
/** Of any length that a body may have: what is too long for the adapter is cut. */
const Text = z.string().max(1024 * 1024);

const Query = Text.regex(/\S/, "must not be blank").openapi({
  description: "The question. Cut in its middle for the adapter where it is too long.",
  example: "Does regular handwashing reduce the spread of colds in schools?",
});

const Document = z.union([Text, z.record(z.string(), z.unknown())]).openapi({
  description:
    "A text; or an object, of which `rank_fields` are read, or else its `text`, or else all fields, a line each.",
});
export type Document = z.infer<typeof Document>;

const Adapter = z
  .string()
  .min(1)
  .max(256)
  .nullish()
  .openapi({ description: "The adapter, as `adapter`." });

/** Ours: what the adapter needs to know beside query and texts. */
const extras = {
  options: Options.nullish(),
  context: ContextText.nullish(),
  evidence: EvidenceText.nullish(),
  task: TaskId.nullish(),
  adapter: AdapterName.nullish(),
  answers: z
    .array(z.string().max(64).nullable())
    .max(MAX_TEXTS)
    .nullish()
    .openapi({ description: "Each text's label; read from the text by default." }),
  plan: z.string().min(1).max(256).nullish().openapi({
    description:
      "A plan of `GET /v1/models` that is fitted: texts of the best answer come first, each LLM's vote counted by its weight. Needs options, and who wrote each text.",
  }),
  llms: z.array(z.string().min(1).max(128).nullable()).max(MAX_TEXTS).nullish().openapi({
    description:
      "With `plan`: the LLM that wrote each text, as the plan names it; or the field `llm` of each document. Null, or one that was never fitted: it counts as much as LLMs of the first stage do in the mean.",
  }),
};

const top = z.int().min(1).nullish();

export const CohereRequest = z
  .object({
    query: Query,
    documents: z.array(Document).min(1).max(MAX_TEXTS),
    model: Adapter,
    top_n: top.openapi({ description: "How many results; more than there are texts: all." }),
    rank_fields: z
      .array(z.string().min(1).max(256))
      .min(1)
      .max(64)
      .nullish()
      .openapi({ description: "Of documents that are objects: the fields to read, in order." }),
    return_documents: z.boolean().nullish(),
    raw_scores: z
      .boolean()
      .nullish()
      .openapi({ description: "`relevance_score` is the raw logit." }),
    top_k: top.openapi({ description: "Voyage's `top_n`: the answer has Voyage's `data` too." }),
    truncation: z.unknown().optional().openapi({
      description:
        "Voyage's. `false`: a query that is too long is refused, not cut. Texts are cut all the same.",
    }),
    ...extras,
  })
  .openapi("CohereRerankRequest");

export const TeiRequest = z
  .object({
    query: Query,
    texts: z.array(Text).min(1).max(MAX_TEXTS),
    model: Adapter,
    raw_scores: z.boolean().nullish(),
    return_text: z.boolean().nullish(),
    ...extras,
  })
  .openapi("TeiRerankRequest");

export const RerankRequest = z.union([CohereRequest, TeiRequest]);

export type RerankBody = z.infer<typeof RerankRequest>;
export type CohereBody = z.infer<typeof CohereRequest>;
export type TeiBody = z.infer<typeof TeiRequest>;

const CohereResponse = z
  .object({
    id: z.string(),
    object: z.literal("list"),
    model: z.string().openapi({ description: "The adapter that scored." }),
    results: z.array(
      z.object({
        index: z.int(),
        relevance_score: z.number().openapi({ description: "Calibrated probability." }),
        score: z.number().openapi({ description: "Raw logit." }),
        answer: z.string().nullable(),
        truncated: z.boolean().openapi({ description: "Too long: its middle was not read." }),
        document: z.looseObject({ text: z.string() }).optional(),
      }),
    ),
    data: z
      .array(
        z.object({
          index: z.int(),
          relevance_score: z.number(),
          document: z.string().optional(),
        }),
      )
      .optional()
      .openapi({ description: "The same in Voyage's form, for requests with its fields." }),
    meta: z.object({
      api_version: z.object({ version: z.string() }),
      billed_units: z.object({ search_units: z.int() }),
      warnings: z
        .array(z.string())
        .optional()
        .openapi({ description: "What was too long and was cut." }),
    }),
    usage: z.object({
      total_tokens: z.int().openapi({ description: "Tokens that the adapter read." }),
    }),
    medadapter: z.object({
      adapter: ServingAdapter,
      task: z.string(),
      truncated: z.boolean().openapi({ description: "Query or context was cut." }),
      notice: z.string(),
      plan: z
        .object({
          fit: z.string(),
          version: z.string(),
          answer: z.string().nullable(),
          confidence: z.number().nullable().openapi({
            description: "That the answer is right; null where an LLM of the plan wrote nothing.",
          }),
        })
        .optional()
        .openapi({ description: "Where a plan was named." }),
    }),
  })
  .openapi("CohereRerankResponse");

const TeiResponse = z
  .array(
    z.object({
      index: z.int(),
      score: z.number(),
      text: z.string().optional(),
      truncated: z
        .literal(true)
        .optional()
        .openapi({ description: "There where the text was too long and was cut." }),
    }),
  )
  .openapi("TeiRerankResponse");

export const RerankResponse = z.union([CohereResponse, TeiResponse]);

export type CohereAnswer = z.infer<typeof CohereResponse>;
export type TeiAnswer = z.infer<typeof TeiResponse>;
