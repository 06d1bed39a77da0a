/**
 * What was fitted for a plan (several LLMs in stages): how much each source's vote counts, how sure the winner of each
 * stage is, and when a stage is left. A small object of its own beside the adapter's bundle, because it changes with the
 * LLMs and not with the encoder. `medadapter-train plan fit` writes it; select/planScore.ts scores by it.
 *
 * A source is an LLM with its prompt, as answers and data name it.
 */
import { z } from "zod";
import { fail, ok, type Result } from "../result.ts";

const finite = z.number();
const source = z.string().min(1).max(128);
const label = z.string().min(1).max(64);

/**
 * Features of a stage's winner, for its confidence (select/planScore.ts has their meaning): a plan that names one that is
 * not here is refused.
 */
export const PLAN_FEATURES = [
  "log_odds",
  "top_share",
  "margin",
  "distinct",
  "unread",
  "logit_mean",
  "logit_share",
] as const;
export type PlanFeature = (typeof PLAN_FEATURES)[number];

/** How answers are scored when the candidates of the stages up to one are there. */
const model = z.strictObject({
  /** What a source's whole vote for an answer adds to its score. */
  weights: z.record(source, finite),
  /** The same for a source without data, by the stage that it writes in. */
  defaults: z.array(finite).min(1).max(8),
  /** What a unit of the adapter's logit adds; 0 where scores are not looked at. */
  adapter: finite,
  /** What a label adds, whoever votes for it. */
  priors: z.record(label, finite),
  /** Logistic model of whether the winner is right. `support`: of each source's vote for it. */
  confidence: z.strictObject({
    bias: finite,
    features: z.partialRecord(z.enum(PLAN_FEATURES), finite),
    support: z.record(source, finite),
  }),
});
export type PlanModel = Readonly<z.infer<typeof model>>;

/** A threshold of confidence, chosen in fitting. */
const threshold = z.strictObject({
  /** For a wanted share of questions that go on, a wanted error among those that stay, or a price a question. */
  by: z.enum(["share", "error", "price"]),
  value: z.number().min(0),
  /** Null: it cannot be had. */
  threshold: finite.nullable(),
});

const fittedStage = z.strictObject({
  /** By votes alone. */
  votes: model,
  /** With the adapter's scores too; null: they did not help, or there were too few questions that it had not learnt. */
  scored: model.nullable(),
  /** Of confidence by votes; empty for the last stage. */
  thresholds: z.array(threshold).max(64),
});

export const planFitSchema = z.strictObject({
  schema: z.literal(1),
  /** Its name in the store. Plans of a configuration name it in `fit`, without `plan.`: adapters have no dot. */
  name: z.string().regex(/^plan\.[a-z0-9][a-z0-9-]{0,56}$/u),
  version: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/u),
  createdAt: z.iso.datetime({ offset: true }),
  /** The sources of each stage. */
  stages: z.array(z.array(source).min(1).max(64)).min(1).max(8),
  /** `name@version` of the adapter whose scores the scored models were fitted on; null: there are none. */
  adapter: z.string().min(1).max(129).nullable(),
  /** A model for each kind of question; a task's own comes first. */
  groups: z
    .array(
      z.strictObject({
        labels: z.enum(["closed", "lettered"]),
        task: z.string().min(1).optional(),
        stages: z.array(fittedStage).min(1).max(8),
      }),
    )
    .min(1)
    .max(64),
  /** None: it lies in the store like an adapter's bundle, of which the manifest is all. */
  files: z.array(z.never()),
  fittedOn: z.array(z.strictObject({ set: z.string().min(1), questions: z.int().nonnegative() })),
  /** Of questions that it was not fitted on. Intervals of 95 %. */
  metrics: z
    .array(
      z.strictObject({
        set: z.string(),
        rule: z.string(),
        n: z.int().nonnegative(),
        value: finite,
        low: finite,
        high: finite,
      }),
    )
    .max(256),
  /** The plan file that it was fitted by, so that it can be measured. The service does not read it. */
  training: z.record(z.string(), z.unknown()).optional(),
});
export type PlanFit = Readonly<z.infer<typeof planFitSchema>>;
export type PlanGroup = PlanFit["groups"][number];

/** As of an adapter's manifest: a fitted plan lies in the store like one. */
export type PlanFitFailure =
  | { readonly kind: "manifest_malformed"; readonly field: string }
  | { readonly kind: "schema_unknown"; readonly schema: number | null };

/** Reads a fitted plan from its bytes (UTF-8 JSON). What is not known is refused. */
export function parsePlanFit(bytes: Uint8Array): Result<PlanFit, PlanFitFailure> {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(bytes));
  } catch {
    return fail({ kind: "manifest_malformed", field: "" });
  }
  if (typeof json !== "object" || json === null || !("schema" in json)) {
    return fail({ kind: "manifest_malformed", field: "schema" });
  }
  if (json.schema !== 1) {
    const schema = typeof json.schema === "number" ? json.schema : null;
    return fail({ kind: "schema_unknown", schema });
  }
  const parsed = planFitSchema.safeParse(json);
  if (!parsed.success) {
    const field = parsed.error.issues[0]?.path.map(String).join(".") ?? "";
    return fail({ kind: "manifest_malformed", field });
  }
  const { stages, groups } = parsed.data;
  const wrong = groups.findIndex((group) => group.stages.length !== stages.length);
  return wrong < 0
    ? ok(parsed.data)
    : fail({ kind: "manifest_malformed", field: `groups.${wrong}.stages` });
}

/** The threshold that was chosen for a wish, or for the nearest one below it; null: none was, or it cannot be had. */
export function fittedThreshold(
  { thresholds }: PlanGroup["stages"][number],
  wish: { readonly by: "share" | "error" | "price"; readonly value: number },
): number | null {
  // Values come from decimal text: equal ones may differ in the last bit.
  const below = thresholds.filter(({ by, value }) => by === wish.by && value <= wish.value + 1e-9);
  const [nearest] = below.sort((x, y) => y.value - x.value);
  return nearest?.threshold ?? null;
}
