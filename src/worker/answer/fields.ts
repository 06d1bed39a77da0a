/** Fields of requests that several routes' schemas share, with their bounds. */
import { z } from "@hono/zod-openapi";
import { SERVED_BY } from "../adapters/source.ts";
import { MAX_K, MAX_TOKENS } from "../plans/plans.ts";
import { toOptions } from "./question.ts";

/** Bounds in characters; tokens are counted later by the adapter, whose budget is the manifest's. */
const MAX_QUESTION = 32_768;
const MAX_CONTEXT = 262_144;
const MAX_OPTIONS = 32;

/** As a pattern, so that it shows in /openapi.json. */
const notBlank = [/\S/, "must not be blank"] as const;

export const QuestionText = z
  .string()
  .max(MAX_QUESTION)
  .regex(...notBlank)
  .openapi({ example: "Does regular handwashing reduce the spread of colds in schools?" });

export const ContextText = z.string().max(MAX_CONTEXT).openapi({
  description:
    "What the answer is to be drawn from; LLM and adapter read it. Cut in its middle for the adapter where it is too long.",
});

export const EvidenceText = z.string().max(MAX_CONTEXT).openapi({
  description:
    "What the adapter alone reads, in the context's place: it is in no prompt. Not beside `context`. Cut in its middle where it is too long.",
});

const Label = z
  .string()
  .max(64)
  .regex(...notBlank);
const OptionText = z
  .string()
  .max(8_192)
  .regex(...notBlank);

/** Options as an object (label to text) or as a list; labels differ, whatever their case. */
export const Options = z
  .union([
    z.array(z.strictObject({ label: Label, text: OptionText })).max(MAX_OPTIONS),
    z.record(z.string(), OptionText),
  ])
  .superRefine((options, context) => {
    const say = (message: string, path: PropertyKey[] = []) =>
      context.addIssue({ code: "custom", message, path });
    // No further: a body of 1 MiB holds labels enough to compare them for seconds.
    if (Object.keys(options).length > MAX_OPTIONS) {
      say(`must be at most ${MAX_OPTIONS} entries`);
      return;
    }
    const labels = toOptions(options).map(({ label }) => label.toLowerCase());
    labels.forEach((label, at) => {
      const path = Array.isArray(options) ? [at, "label"] : [];
      if (label === "" || label.length > 64) say("a label must be 1 to 64 characters", path);
      if (labels.indexOf(label) < at) say("a label must not occur twice", path);
    });
  })
  .openapi({ example: { A: "Yes, it does", B: "No, it does not" } });

/** A number, or `auto`: waves until the leading answer is likely to stay ahead. */
export const K = z.union([z.int().min(1).max(MAX_K), z.literal("auto")]).openapi({
  description:
    "How many candidates the LLM writes: 8 by default. Where the model is a plan, the plan says it. `auto`: a few first, then more by the adapter's stopping rule, up to `max_k`. A deployment may allow fewer (its variable MAX_K): what is more is refused, and the default is lower.",
});

export const MaxK = z
  .int()
  .min(1)
  .max(MAX_K)
  .openapi({ description: 'Goes with k: "auto" only. 8 by default.' });

export const TaskId = z.string().min(1).max(64).openapi({
  description: "How to prompt and to read answers; guessed from question and options by default.",
  example: "pubmedqa",
});

export const AdapterName = z.string().min(1).max(129).openapi({
  description: "By name, or pinned to a version that is kept: `name@version` (GET /v1/adapters).",
  example: "mini",
});

/** The version that scored, and by what it came to. */
export const ServingAdapter = z.object({
  name: z.string(),
  version: z.string(),
  channel: z.enum(SERVED_BY).openapi({
    description:
      "`stable`; `canary`: a share of the requests tries a newer version; `pinned`: the caller asked for it.",
  }),
});

export const StrategyName = z.enum(["best_of", "vote", "weighted_vote"]).openapi({
  description:
    "`best_of`: the best-scored candidate. `vote`: self-consistency, no scores. `weighted_vote`: answers by the scores of their candidates (the default where answers are closed).",
});

export const AbstainRule = z
  .union([
    z.strictObject({ target_error: z.number().gt(0).lt(1) }),
    z.strictObject({ below: z.number().min(0).max(1) }),
  ])
  .openapi({
    description:
      "When to give no answer: `target_error`, the wanted share of wrong ones among the answers given; `below`, a confidence. Without a confidence both abstain.",
  });

export const Store = z.boolean().openapi({
  description:
    "Keep question, candidates and scores, encrypted, so that `/v1/feedback` can join the outcome to them.",
});

const LlmWords = z.array(z.string().min(1).max(128)).min(1).max(64);

/** What a request allows of a plan. */
export const Bounds = {
  max_cost: z
    .union([
      z.number().min(0),
      z.string().regex(/^\d{1,9}(?:\.\d{1,6})?$/u, "must be money with at most six decimals"),
    ])
    .openapi({
      description:
        "The most that the request may cost, in the deployment's currency. A stage that could cost more is not entered; a request whose first stage could is refused.",
      example: "0.02",
    }),
  allow_llms: LlmWords.openapi({
    description: "Names or tags of LLMs (GET /v1/models): no other is asked.",
  }),
  forbid_llms: LlmWords.openapi({
    description: "Names or tags of LLMs (GET /v1/models): none of them is asked.",
  }),
  stages: z.int().min(1).max(8).openapi({
    description: "At most so many stages of the plan: 1 asks no stronger LLM, however unsure.",
  }),
};

/** What an LLM takes; the provider's own defaults hold for what is not given, save `max_tokens`. */
export const Sampling = {
  temperature: z.number().min(0).max(2),
  top_p: z.number().gt(0).max(1),
  max_tokens: z.int().min(1).max(MAX_TOKENS).openapi({
    description:
      "Of each candidate, thinking included: 1024 by default, more for models that think (the variable MODEL_DEFAULTS). A deployment may allow fewer (its variable MAX_TOKENS): what is more is refused, and the default is lower.",
  }),
  seed: z.int(),
  reasoning_effort: z
    .string()
    .regex(/^[a-z]{1,16}$/u)
    .openapi({
      description:
        "How long a reasoning model is to think, in its own words, such as `low`. Handed on as it is.",
    }),
};
