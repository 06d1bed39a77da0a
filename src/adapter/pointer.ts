/** The one mutable object of a channel: which version of an adapter it serves. */
import { z } from "zod";
import { fail, ok, type Result } from "./result.ts";
import {
  type PublicKeys,
  type SignatureFault,
  signatureFault,
  signatureSchema,
} from "./signature.ts";

const pointerSchema = z.strictObject({
  schema: z.literal(1),
  adapter: z.string().regex(/^[a-z0-9][a-z0-9._-]{0,63}$/),
  version: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/),
  /** Only ever grows: a lower one than was seen before is an old pointer played back. */
  serial: z.int().nonnegative(),
  /** Share of traffic that this channel takes, 0..1. */
  share: z.number().min(0).max(1),
  updatedAt: z.iso.datetime({ offset: true }),
  /** There where publishing has a key. */
  signature: signatureSchema.optional(),
});

export type Pointer = Readonly<z.infer<typeof pointerSchema>>;

export type PointerFailure =
  | { readonly kind: "pointer_malformed"; readonly field: string }
  | { readonly kind: "pointer_schema_unknown"; readonly schema: number | null }
  /** The pointer of one adapter names another. */
  | { readonly kind: "pointer_adapter_mismatch" }
  | { readonly kind: SignatureFault; readonly field: "signature" };

/** Reads a pointer from its bytes (UTF-8 JSON); it must name `adapter`. */
export function parsePointer(bytes: Uint8Array, adapter: string): Result<Pointer, PointerFailure> {
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
  return ok(parsed.data);
}

/** The failure of a pointer that none of the keys signed for this very channel, or null. */
export async function pointerSignatureFailure(
  pointer: Pointer,
  channel: string,
  keys: PublicKeys,
): Promise<PointerFailure | null> {
  const { signature, ...body } = pointer;
  const fault = await signatureFault(keys, { kind: "pointer", channel, pointer: body }, signature);
  return fault === null ? null : { kind: fault, field: "signature" };
}
