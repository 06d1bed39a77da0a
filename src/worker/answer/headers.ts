/**
 * The answer in the headers of a plain response, for clients whose libraries drop the fields that OpenAI has not: labels
 * and numbers, never a text. A stream's headers go out before there is an answer, so streams have none of these.
 *
 * Read out of the wire form: so an answer that is given again for its Idempotency-Key, which is kept encrypted and without
 * headers, has them too, and nothing of it stands unencrypted in the ledger.
 */
import { z } from "@hono/zod-openapi";
import { taskById } from "../../tasks/registry.ts";
import { ServingAdapter } from "./fields.ts";
import type { AnswerBody } from "./schema.ts";

const text = (description: string) => ({ description, schema: { type: "string" as const } });
const flag = (description: string) => ({
  description,
  schema: { type: "string" as const, enum: ["true", "false"] },
});

/** For `/openapi.json`; and the names that browsers may read. */
export const figureHeaders = {
  "x-medadapter-answer": text(
    "Of a plain answer: the chosen option's label, percent-encoded; absent where there is none, and for free text.",
  ),
  "x-medadapter-confidence": text("0 to 1; absent where there is none."),
  "x-medadapter-confidence-reason": text("Why there is no confidence."),
  "x-medadapter-abstained": flag("Whether the service gave no answer."),
  "x-medadapter-abstained-reason": text("Why."),
  "x-medadapter-degraded": flag("Whether the majority vote answered, without scores."),
  "x-medadapter-adapter": text("The version that scored: `name@version`."),
  "x-medadapter-urgent": flag("Whether the question tells of an emergency."),
};

type Figures = Pick<
  AnswerBody,
  | "answer"
  | "task"
  | "confidence"
  | "confidence_reason"
  | "abstained"
  | "abstained_reason"
  | "degraded"
  | "adapter"
  | "urgent"
>;

/** Names and values; those that say nothing are left out. */
export function figuresOf(parts: Figures): Record<string, string> {
  const isText = taskById(parts.task)?.kind === "free";
  const given: Readonly<Record<keyof typeof figureHeaders, string | null>> = {
    "x-medadapter-answer":
      isText || parts.answer === null ? null : encodeURIComponent(parts.answer.toWellFormed()),
    "x-medadapter-confidence": parts.confidence === null ? null : String(parts.confidence),
    "x-medadapter-confidence-reason": parts.confidence_reason,
    "x-medadapter-abstained": String(parts.abstained),
    "x-medadapter-abstained-reason": parts.abstained_reason,
    "x-medadapter-degraded": String(parts.degraded),
    "x-medadapter-adapter":
      parts.adapter === null ? null : `${parts.adapter.name}@${parts.adapter.version}`,
    "x-medadapter-urgent": String(parts.urgent),
  };
  return Object.fromEntries(
    Object.entries(given).flatMap(([name, value]) => (value === null ? [] : [[name, value]])),
  );
}

/** What `figuresOf` reads, of a body that an earlier request had. */
const Kept = z.looseObject({
  answer: z.string().nullable(),
  task: z.string(),
  confidence: z.number().nullable(),
  confidence_reason: z.string().nullable(),
  abstained: z.boolean(),
  abstained_reason: z.string().nullable(),
  degraded: z.boolean(),
  adapter: ServingAdapter.nullable(),
  urgent: z.boolean(),
});

/** A response that is given again, with the headers that the first one had. */
export async function withFigures(again: Response): Promise<Response> {
  if (!again.headers.get("content-type")?.startsWith("application/json")) return again;
  const body: unknown = await again.clone().json();
  const parts = Kept.safeParse(
    typeof body === "object" && body !== null && "medadapter" in body ? body.medadapter : body,
  );
  if (!parts.success) return again;
  const headers = new Headers(again.headers);
  for (const [name, value] of Object.entries(figuresOf(parts.data))) headers.set(name, value);
  return new Response(again.body, { status: again.status, headers });
}
