/** Which requests a share takes: evenly, and the same ones each time. */
import { describe, expect, it } from "vitest";
import { inShare } from "../../../../src/worker/adapters/trial/canary.ts";

const tenants = Array.from({ length: 20_000 }, (_, at) => `clinic-${at}`);
const taken = (version: string, share: number, keys = tenants) =>
  keys.filter((key) => inShare(version, key, share));

describe("a share", () => {
  it.each([0.01, 0.05, 0.25, 0.5, 0.9])("of %d takes so many, within chance", (share) => {
    const { length } = taken("1.1.0", share);
    const sigma = Math.sqrt(tenants.length * share * (1 - share));
    expect(Math.abs(length - tenants.length * share)).toBeLessThan(4 * sigma);
  });

  it("of 0 takes none, of 1 all", () => {
    expect(taken("1.1.0", 0)).toHaveLength(0);
    expect(taken("1.1.0", 1)).toHaveLength(tenants.length);
  });

  it("takes random ids as evenly as numbered names", () => {
    const ids = tenants.map(() => `req_${crypto.randomUUID().replaceAll("-", "")}`);
    expect(Math.abs(taken("1.1.0", 0.2, ids).length / ids.length - 0.2)).toBeLessThan(0.015);
  });

  it("that grows keeps those that it had", () => {
    const more = new Set(taken("1.1.0", 0.2));
    expect(taken("1.1.0", 0.1).every((key) => more.has(key))).toBe(true);
  });

  it("of another version takes others: no tenant tries out everything", () => {
    const first = new Set(taken("1.1.0", 0.1));
    const both = taken("1.2.0", 0.1).filter((key) => first.has(key)).length;
    expect(both / tenants.length).toBeGreaterThan(0.005);
    expect(both / tenants.length).toBeLessThan(0.015);
  });
});
