/** The pointer of a channel is read strictly, and only for its own adapter. */
import { describe, expect, test } from "vitest";
import { type Channel, parsePointer } from "../../src/adapter/pointer.ts";

const pointer = {
  schema: 1,
  adapter: "mini",
  version: "2026.11.1",
  serial: 3,
  share: 1,
  updatedAt: "2026-11-23T10:00:00Z",
};

const parse = (json: unknown) =>
  parsePointer(new TextEncoder().encode(JSON.stringify(json)), "mini", "stable");

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
    expect(parsePointer(Uint8Array.of(0xff), "mini", "stable")).toMatchObject({ ok: false });
  });
});

describe("a pointer of another channel", () => {
  const bounds = {
    minRequests: 200,
    maxFailureRate: 0.02,
    maxAbstentionDifference: 0.1,
    minAgreement: 0.8,
    compareShare: 0.25,
  };
  const canary = { ...pointer, share: 0.1, sticky: "tenant", bounds };
  const read = (json: object, channel: Channel) =>
    parsePointer(new TextEncoder().encode(JSON.stringify(json)), "mini", channel);

  test("may have ended: stable never has", () => {
    const ended = { ...pointer, version: null, share: 0 };
    expect(read(ended, "canary")).toEqual({ ok: true, value: ended });
    expect(read(ended, "shadow")).toEqual({ ok: true, value: ended });
    const failure = { kind: "pointer_malformed", field: "version" };
    expect(read(ended, "stable")).toEqual({ ok: false, failure });
  });

  test.each<[object, string]>([
    [{ sticky: undefined }, "sticky"],
    [{ sticky: "moon" }, "sticky"],
    [{ bounds: undefined }, "bounds"],
    [{ bounds: { ...bounds, minRequests: 0 } }, "bounds.minRequests"],
    [{ bounds: { ...bounds, minAgreement: 1.1 } }, "bounds.minAgreement"],
    [{ bounds: { ...bounds, compareShare: undefined } }, "bounds.compareShare"],
    [{ bounds: { ...bounds, more: 1 } }, "bounds"],
  ])("that is a canary's needs sticky and all bounds: not %j", (change, field) => {
    expect(read(canary, "canary")).toEqual({ ok: true, value: canary });
    const failure = { kind: "pointer_malformed", field };
    expect(read({ ...canary, ...change }, "canary")).toEqual({ ok: false, failure });
  });
});
