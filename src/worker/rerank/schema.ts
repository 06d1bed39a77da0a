/** `POST /v1/rerank`: Cohere's form and Text Embeddings Inference's, each answered in its own. */
import { z } from "@hono/zod-openapi";
import {
  AdapterName,
  ContextText,
  EvidenceText,
  Options,
  QuestionText,
  ServingAdapter,
  TaskId,
} from "../answer/fields.ts";

/** Each is scored for itself; about 70 ms of CPU a text in workerd. */
const MAX_TEXTS = 256;
const Text = z.string().max(32_768);

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
};

export const CohereRequest = z
  .object({
    query: QuestionText,
    documents: z
      .array(z.union([Text, z.object({ text: Text })]))
      .min(1)
      .max(MAX_TEXTS),
    model: z
      .string()
      .min(1)
      .max(256)
      .nullish()
      .openapi({ description: "The adapter, as `adapter`." }),
    top_n: z.int().min(1).nullish(),
    return_documents: z.boolean().nullish(),
    ...extras,
  })
  .openapi("CohereRerankRequest");

export const TeiRequest = z
  .object({
    query: QuestionText,
    texts: z.array(Text).min(1).max(MAX_TEXTS),
    raw_scores: z.boolean().nullish(),
    return_text: z.boolean().nullish(),
    ...extras,
  })
  .openapi("TeiRerankRequest");

export const RerankRequest = z.union([CohereRequest, TeiRequest]);

const CohereResponse = z
  .object({
    id: z.string(),
    results: z.array(
      z.object({
        index: z.int(),
        relevance_score: z.number().openapi({ description: "Calibrated probability." }),
        score: z.number().openapi({ description: "Raw logit." }),
        answer: z.string().nullable(),
        truncated: z.boolean(),
        document: z.object({ text: z.string() }).optional(),
      }),
    ),
    meta: z.object({
      api_version: z.object({ version: z.string() }),
      billed_units: z.object({ search_units: z.int() }),
    }),
    medadapter: z.object({
      adapter: ServingAdapter,
      task: z.string(),
      truncated: z.boolean(),
      notice: z.string(),
    }),
  })
  .openapi("CohereRerankResponse");

const TeiResponse = z
  .array(z.object({ index: z.int(), score: z.number(), text: z.string().optional() }))
  .openapi("TeiRerankResponse");

export const RerankResponse = z.union([CohereResponse, TeiResponse]);
