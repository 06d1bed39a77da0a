/**
 * The one mutable object of a channel: which version of an adapter it serves, to how much of the traffic, and for a
 * canary within which bounds.
 */
import { z } from "zod";
import { fail, ok, type Result } from "./result.ts";
import {
  type PublicKeys,
  type SignatureFault,
  signatureFault,
  signatureSchema,
} from "./signature.ts";

export const CHANNELS = ["stable", "canary", "shadow"] as const;
export type Channel = (typeof CHANNELS)[number];

const share = z.number().min(0).max(1);

/** The limits of a canary. A rate is judged once it counts `minRequests`, on both sides of a difference. */
const boundsSchema = z.strictObject({
  minRequests: z.int().min(1).max(1_000_000),
  /** Largest share of the canary's requests that it could not score. */
  maxFailureRate: share,
  /** Largest difference, in either direction, between the shares of answers that canary and stable withhold. */
  maxAbstentionDifference: share,
  /** Smallest share of equal answers among those that both chose. */
  minAgreement: share,
  /** Share of the canary's answers that stable scores as well. */
  compareShare: share,
});

export type Bounds = Readonly<z.infer<typeof boundsSchema>>;

const pointerSchema = z.strictObject({
  schema: z.literal(1),
  adapter: z.string().regex(/^[a-z0-9][a-z0-9._-]{0,63}$/),
  /** Null: the channel has ended. `stable` never ends. */
  version: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/)
    .nullable(),
  /** Only ever grows. A lower one than seen before is a replayed old pointer. */
  serial: z.int().nonnegative(),
  /** Share of traffic that the channel takes. `shadow`: share of answers that it scores as well. `stable`: no meaning. */
  share,
  /** What decides whether a request belongs to the share: its tenant (always the same decision) or the request alone. */
  sticky: z.enum(["tenant", "request"]).optional(),
  bounds: boundsSchema.optional(),
  updatedAt: z.iso.datetime({ offset: true }),
  /** Present where publishing has a key. */
  signature: signatureSchema.optional(),
});

export type Pointer = Readonly<z.infer<typeof pointerSchema>>;

export type PointerFailure =
  | { readonly kind: "pointer_malformed"; readonly field: string }
  | { readonly kind: "pointer_schema_unknown"; readonly schema: number | null }
  /** The pointer of one adapter names another. */
  | { readonly kind: "pointer_adapter_mismatch" }
  | { readonly kind: SignatureFault; readonly field: "signature" };

/** Reads a pointer from its bytes (UTF-8 JSON). It must name `adapter` and have the fields that its channel needs. */
export function parsePointer(
  bytes: Uint8Array,
  adapter: string,
  channel: Channel,
): Result<Pointer, PointerFailure> {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(bytes));
  } catch {
    return fail({ kind: "pointer_malformed", field: "" });
  }
  if (typeof json !== "object" || json === null || !("schema" in json)) {
    return fail({ kind: "pointer_malformed", field: "schema" });
  }
  if (json.schema !== 1) {
    const schema = typeof json.schema === "number" ? json.schema : null;
    return fail({ kind: "pointer_schema_unknown", schema });
  }
  const parsed = pointerSchema.safeParse(json);
  if (!parsed.success) {
    const field = parsed.error.issues[0]?.path.map(String).join(".") ?? "";
    return fail({ kind: "pointer_malformed", field });
  }
  if (parsed.data.adapter !== adapter) return fail({ kind: "pointer_adapter_mismatch" });
  const field = missingField(parsed.data, channel);
  return field === null ? ok(parsed.data) : fail({ kind: "pointer_malformed", field });
}

/** The field that the channel needs and the pointer lacks, or null. A canary without bounds could not be stopped. */
function missingField({ version, sticky, bounds }: Pointer, channel: Channel): string | null {
  if (version === null) return channel === "stable" ? "version" : null;
  if (channel !== "canary") return null;
  if (sticky === undefined) return "sticky";
  return bounds === undefined ? "bounds" : null;
}

/** The failure of a pointer that no key signed for this channel; null: one did. */
export async function pointerSignatureFailure(
  pointer: Pointer,
  channel: Channel,
  keys: PublicKeys,
): Promise<PointerFailure | null> {
  const { signature, ...body } = pointer;
  const fault = await signatureFault(keys, { kind: "pointer", channel, pointer: body }, signature);
  return fault === null ? null : { kind: fault, field: "signature" };
}
