/** Signatures that publishing (Python) made are verified; whatever was changed is not. */
import { describe, expect, test } from "vitest";
import { verifyBundle } from "../../src/adapter/bundle.ts";
import {
  type Channel,
  type Pointer,
  parsePointer,
  pointerSignatureFailure,
} from "../../src/adapter/pointer.ts";
import {
  type PublicKeys,
  parsePublicKeys,
  signatureFault,
  signedMessage,
} from "../../src/adapter/signature.ts";
import golden from "../fixtures/signature.golden.json" with { type: "json" };
import { memoryBundle } from "./memoryBundleStore.ts";

const other = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
const encode = (text: string) => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

function keys(text: string): PublicKeys {
  const parsed = parsePublicKeys(text);
  if (parsed === null) throw new Error("not a key");
  return parsed;
}

describe("public keys", () => {
  test("are base64 of 32 bytes, one or several", () => {
    expect(keys(golden.publicKey)).toHaveLength(1);
    expect(keys(` ${golden.publicKey} , ${other}`).map((key) => key.byteLength)).toEqual([32, 32]);
  });

  test.each(["", ",", `${golden.publicKey},`, golden.publicKey.slice(0, -4), "AA==", "no base64!"])(
    "are not %j",
    (text) => {
      expect(parsePublicKeys(text)).toBeNull();
    },
  );
});

describe("a signed manifest", () => {
  const { text, message, signature } = golden.manifest;
  const signed = { kind: "manifest", bytes: encode(text) } as const;

  test("is verified over its raw bytes, by any of the keys", async () => {
    expect(decode(signedMessage(signed))).toBe(message);
    for (const text of [golden.publicKey, `${other},${golden.publicKey}`]) {
      expect(await signatureFault(keys(text), signed, signature)).toBeNull();
    }
  });

  test.each<[string, unknown, string]>([
    ["none", undefined, "signature_missing"],
    ["null", null, "signature_missing"],
    ["text", signature.value, "signature_invalid"],
    ["another algorithm", { ...signature, alg: "none" }, "signature_invalid"],
    ["63 bytes", { ...signature, value: signature.value.slice(4) }, "signature_invalid"],
    ["a changed one", { ...signature, value: `A${signature.value.slice(1)}` }, "signature_invalid"],
    ["a pointer's", golden.pointers[0]?.pointer.signature, "signature_invalid"],
  ])("is refused with %s", async (_, given, fault) => {
    expect(await signatureFault(keys(golden.publicKey), signed, given)).toBe(fault);
  });

  test("is refused with another key, and with one byte more", async () => {
    expect(await signatureFault(keys(other), signed, signature)).toBe("signature_invalid");
    const longer = { kind: "manifest", bytes: encode(`${text}\n`) } as const;
    expect(await signatureFault(keys(golden.publicKey), longer, signature)).toBe(
      "signature_invalid",
    );
    const noKey = keys(Buffer.alloc(32, 255).toString("base64"));
    expect(await signatureFault(noKey, signed, signature)).toBe("signature_invalid");
  });

  test("is read by a bundle only with its signature beside it", async () => {
    const verify = (signatureFile: string | null) =>
      verifyBundle(
        memoryBundle(
          new Map([
            ["manifest.json", encode(text)],
            ...(signatureFile === null
              ? []
              : [["manifest.sig.json", encode(signatureFile)] as const]),
          ]),
        ),
        { keep: [], signedBy: keys(golden.publicKey) },
      );
    const refused = (kind: string) => ({
      ok: false,
      failure: { kind, path: "manifest.sig.json" },
    });
    expect(await verify(null)).toEqual(refused("signature_missing"));
    for (const wrong of ["", "{", "null", "[]", JSON.stringify({ ...signature, more: 1 })]) {
      expect(await verify(wrong)).toEqual(refused("signature_invalid"));
    }
    // Signed, and only then looked into: the golden manifest is no whole one.
    expect(await verify(`${JSON.stringify(signature)}\n`)).toMatchObject({
      failure: { kind: "manifest_malformed" },
    });
  });
});

describe.each(golden.pointers)("a signed pointer of $channel ($pointer.version)", (entry) => {
  const { adapter, message } = entry;
  const channel = entry.channel as Channel;
  const elsewhere = channel === "shadow" ? "canary" : "shadow";
  const read = (change: object = {}): Pointer => {
    const parsed = parsePointer(
      encode(JSON.stringify({ ...entry.pointer, ...change })),
      adapter,
      channel,
    );
    if (!parsed.ok) throw new Error("not a pointer");
    return parsed.value;
  };
  const failure = (pointer: Pointer, at: Channel = channel) =>
    pointerSignatureFailure(pointer, at, keys(golden.publicKey));

  test("is verified, whatever the order of its members", async () => {
    const { signature: _, ...pointer } = read();
    expect(decode(signedMessage({ kind: "pointer", channel, pointer }))).toBe(message);
    expect(await failure(read())).toBeNull();
    const reversed = Object.fromEntries(Object.entries(entry.pointer).reverse());
    const parsed = parsePointer(encode(JSON.stringify(reversed)), adapter, channel);
    expect(parsed.ok && (await failure(parsed.value))).toBeNull();
  });

  test("is refused without signature, changed, or in another channel", async () => {
    const { signature: _, ...unsigned } = read();
    expect(await failure(unsigned)).toEqual({ kind: "signature_missing", field: "signature" });
    const invalid = { kind: "signature_invalid", field: "signature" };
    // A canary that names a version needs more than a pointer that ended has.
    const moved = entry.pointer.version === null ? [] : [{ version: "9" }];
    for (const change of [...moved, { serial: 99 }, { share: 0.75 }]) {
      expect(await failure(read(change))).toEqual(invalid);
    }
    expect(await failure(read({ updatedAt: "2026-11-23T00:00:01Z" }))).toEqual(invalid);
    expect(await failure(read(), elsewhere)).toEqual(invalid);
  });

  test("is refused where what it says of its share was changed", async () => {
    const { bounds } = read();
    const changes: object[] = [{ sticky: "request" }];
    if (bounds !== undefined) changes.push({ bounds: { ...bounds, maxFailureRate: 1 } });
    for (const change of changes) {
      expect(await failure(read(change))).toMatchObject({ kind: "signature_invalid" });
    }
  });
});
