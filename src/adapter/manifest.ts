/**
 * The manifest is the whole contract between training and serving. It is read strictly: an unknown
 * schema, a missing field or an extra field is refused, so that nothing is half understood.
 */
import { z } from "zod";
import { remoteEngine } from "./remote/textScorer.ts";
import { fail, ok, type Result } from "./result.ts";

const finite = z.number();
const count = z.int().nonnegative();
const positive = z.int().positive();
const share = z.number().min(0).max(1);
const name = z.string().regex(/^[a-z0-9][a-z0-9._-]{0,63}$/);
const version = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/);
const label = z.string().min(1).max(64);

const base = z.strictObject({
  model: z.string().min(1),
  source: z.string(),
  licence: z.string().min(1),
  architecture: z.string().min(1),
  layers: positive,
  hidden: positive,
  heads: positive,
  intermediate: positive,
  maxPositions: positive,
  vocabulary: positive,
  layerNormEps: z.number().positive(),
});

const budget = z.strictObject({
  maxTokens: positive,
  prefixTokens: positive,
  candidateTokens: positive,
  answerTokens: positive,
});

/** `onnx` and `tokenizer` are needed to serve; `card` is for people; `simd` is the packed weights. */
const fileRoles = ["onnx", "tokenizer", "card", "simd"] as const;

const file = z.strictObject({
  /** A plain name beside the manifest: no folders, so that no path can lead out of the bundle. */
  path: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/),
  role: z.enum(fileRoles),
  bytes: positive,
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});

const platt = z.strictObject({ a: finite, b: finite });

/**
 * Features of an answer among the other answers that this program can compute (select/selector.ts): a manifest that
 * names another is refused.
 */
export const featureNames = [
  "vote_share",
  "prob_share",
  "prob_max",
  "prob_mean",
  "logit_max",
  "logit_mean",
  "distinct",
  "entropy",
] as const;

/** One logistic model for one kind of question. See select/selector.ts for features and order. */
const selectorGroup = z.strictObject({
  context: z.boolean(),
  labels: z.enum(["closed", "lettered"]).nullable(),
  /** For this task alone; absent: for every task that has no group of its own. */
  task: z.string().min(1).optional(),
  /** For questions whose evidence the LLM was not shown; absent: for all that have no group of their own. */
  evidence: z.literal("unseen").optional(),
  weights: z.array(finite),
  bias: finite,
  priors: z.record(label, finite),
  /** `few`: what is taken off where fewer parsed than the `candidates` that it was fitted with (select/confidence.ts). */
  confidence: platt.extend({
    few: z.strictObject({ c: finite.max(0), candidates: finite.positive() }).optional(),
  }),
});

const selector = z.strictObject({
  features: z.array(z.string().min(1)).min(1),
  groups: z.array(selectorGroup).min(1),
});

const selfTestVector = z.strictObject({
  question: z.string(),
  options: z.array(z.strictObject({ label, text: z.string() })),
  context: z.string().nullable(),
  answer: label.nullable(),
  text: z.string(),
  logit: finite,
});

/** Each field by itself. What the whole does not allow is in `parseManifest`. */
export const manifestSchema = z.strictObject({
  schema: z.literal(1),
  name,
  version,
  createdAt: z.iso.datetime({ offset: true }),
  base,
  engine: remoteEngine.optional(),
  attention: z.enum(["prefix", "cross"]),
  template: z.strictObject({ id: z.string().min(1), noAnswer: z.string() }),
  budget,
  truncation: z.strictObject({ context: z.literal("middle"), candidate: z.literal("middle") }),
  pooling: z.enum(["first"]),
  tensors: z.strictObject({
    ids: z.string().min(1),
    typeIds: z.string().min(1),
    past: z.string().min(1),
    score: z.string().min(1),
    present: z.string().min(1),
  }),
  files: z.array(file).max(16),
  calibration: z.strictObject({ kind: z.literal("platt"), a: finite, b: finite }).nullable(),
  selector: selector.nullable(),
  abstention: z.array(
    z.strictObject({
      targetError: share,
      /** Null where the data could not support any threshold: the target is unattainable. */
      threshold: finite.nullable(),
      coverage: share.nullable(),
      confidenceLevel: share,
    }),
  ),
  adaptiveK: z.strictObject({ threshold: share, first: positive, step: positive }).nullable(),
  validatedOn: z.array(
    z.strictObject({
      llm: z.string().min(1),
      task: z.string().min(1),
      /** With evidence that the LLM was not shown; absent: without, or with context that it was. */
      evidence: z.literal("unseen").optional(),
    }),
  ),
  labelSets: z.record(z.string(), z.array(label)),
  metrics: z.array(
    z.strictObject({
      set: z.string(),
      n: count,
      rule: z.string(),
      value: finite,
      low: finite,
      high: finite,
    }),
  ),
  provenance: z.array(
    z.strictObject({
      name: z.string(),
      licence: z.string(),
      llms: z.array(z.string()),
      questions: count,
      note: z.string(),
    }),
  ),
  training: z.record(z.string(), z.json()),
  selfTest: z.strictObject({
    tolerance: z.number().positive(),
    vectors: z.array(selfTestVector).min(1).max(64),
  }),
});

/** A manifest as read: every field known and checked in itself. */
export type Manifest = z.infer<typeof manifestSchema>;
export type ManifestFile = Manifest["files"][number];
export type FileRole = ManifestFile["role"];
export type SelfTestVector = Manifest["selfTest"]["vectors"][number];

export type ManifestFailure =
  /** `field` is the path of the first fault, such as `files.0.sha256`; never a value. */
  | { readonly kind: "manifest_malformed"; readonly field: string }
  | { readonly kind: "schema_unknown"; readonly schema: number | null }
  /** This program cannot run what the manifest describes; `field` says which part. */
  | { readonly kind: "base_unsupported"; readonly field: string };

/**
 * Reads a manifest from the bytes of `manifest.json` (UTF-8).
 * The schema number is checked first: a later schema may look quite different.
 */
export function parseManifest(bytes: Uint8Array): Result<Manifest, ManifestFailure> {
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
  const parsed = manifestSchema.safeParse(json);
  if (!parsed.success) {
    return fail({ kind: "manifest_malformed", field: firstField(parsed.error) });
  }
  const field = inconsistentField(parsed.data);
  if (field !== null) return fail({ kind: "manifest_malformed", field });
  const unsupported = unsupportedField(parsed.data);
  return unsupported === null
    ? ok(parsed.data)
    : fail({ kind: "base_unsupported", field: unsupported });
}

function firstField(error: z.ZodError): string {
  return error.issues[0]?.path.map(String).join(".") ?? "";
}

/** The first field that does not fit the others; null: all fit. */
function inconsistentField(manifest: Manifest): string | null {
  const { budget: b, base: encoder, files, selector: model } = manifest;
  if (b.prefixTokens + b.candidateTokens > b.maxTokens) return "budget.maxTokens";
  if (b.maxTokens > encoder.maxPositions) return "budget.maxTokens";
  if (b.answerTokens + 3 > b.candidateTokens) return "budget.answerTokens";
  if (encoder.hidden % encoder.heads !== 0) return "base.heads";
  if (new Set(files.map((entry) => entry.path)).size !== files.length) return "files";
  // A remote engine needs no files: it is sent texts.
  const needed = manifest.engine === undefined ? (["onnx", "tokenizer"] as const) : [];
  for (const role of needed) {
    if (files.filter((entry) => entry.role === role).length !== 1) return "files";
  }
  if (files.filter((entry) => entry.role === "simd").length > 1) return "files";
  if (model !== null) {
    const wrong = model.groups.findIndex((group) => group.weights.length !== model.features.length);
    if (wrong >= 0) return `selector.groups.${wrong}.weights`;
  }
  return null;
}

/** The first field that this program cannot run; null: it can run all. */
function unsupportedField(manifest: Manifest): string | null {
  const { engine: remote, attention, template } = manifest;
  if (remote === undefined && manifest.base.architecture !== "bert") return "base.architecture";
  // Only our own engines and our own server share the prefix's attention.
  const pairsOnly = remote?.kind === "workers-ai";
  if (attention !== "prefix" ? remote === undefined : pairsOnly) return "attention";
  if (template.id !== (attention === "prefix" ? "medadapter-1" : "medadapter-pair-1")) {
    return "template.id";
  }
  const known = new Set<string>(featureNames);
  if (manifest.selector?.features.some((feature) => !known.has(feature))) {
    return "selector.features";
  }
  return null;
}
