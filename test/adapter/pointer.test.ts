/** The pointer of a channel is read strictly, and only for its own adapter. */
import { describe, expect, test } from "vitest";
import { parsePointer } from "../../src/adapter/pointer.ts";

const pointer = {
  schema: 1,
  adapter: "mini",
  version: "2026.11.1",
  serial: 3,
  share: 1,
  updatedAt: "2026-11-23T10:00:00Z",
};

const parse = (json: unknown) =>
  parsePointer(new TextEncoder().encode(JSON.stringify(json)), "mini");

const signature = { alg: "Ed25519", key: "56475aa75463474c", value: `${"A".repeat(86)}==` };

describe("a pointer", () => {
  test("that is whole is read as it is", () => {
    expect(parse(pointer)).toEqual({ ok: true, value: pointer });
  });

  test("may carry a signature", () => {
    const signed = { ...pointer, signature };
    expect(parse(signed)).toEqual({ ok: true, value: signed });
  });

  test.each<[object, string]>([
    [{ version: "../../secret" }, "version"],
    [{ version: "" }, "version"],
    [{ serial: -1 }, "serial"],
    [{ serial: 1.5 }, "serial"],
    [{ share: 2 }, "share"],
    [{ updatedAt: "yesterday" }, "updatedAt"],
    [{ adapter: 7 }, "adapter"],
    [{ signature: null }, "signature"],
    [{ signature: { ...signature, alg: "none" } }, "signature.alg"],
    [{ signature: { ...signature, key: "mine" } }, "signature.key"],
    [{ signature: { ...signature, value: "AA==" } }, "signature.value"],
    [{ signature: { ...signature, more: 1 } }, "signature"],
  ])("with %j is malformed", (change, field) => {
    const failure = { kind: "pointer_malformed", field };
    expect(parse({ ...pointer, ...change })).toEqual({ ok: false, failure });
  });

  test("of another schema, with an unknown field, or of another adapter is refused", () => {
    const kind = (json: unknown) => {
      const result = parse(json);
      return result.ok ? "read" : result.failure.kind;
    };
    expect(kind({ ...pointer, schema: 2 })).toBe("pointer_schema_unknown");
    expect(kind({ ...pointer, more: 1 })).toBe("pointer_malformed");
    expect(kind({ ...pointer, adapter: "maxi" })).toBe("pointer_adapter_mismatch");
    expect(kind(null)).toBe("pointer_malformed");
    expect(parsePointer(Uint8Array.of(0xff), "mini")).toMatchObject({ ok: false });
  });
});
