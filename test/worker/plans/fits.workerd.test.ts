/** What was fitted for a plan comes from R2: used, swapped, pinned, refused; and decides who is asked and who is believed. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { PlanFit } from "../../../src/adapter/select/planFit.ts";
import { planFit } from "../../adapter/select/planFixture.ts";
import { bindings } from "../access/bindings.ts";
import { isolate, newKey } from "../access/worker.ts";
import { configured, fakeLlms } from "./llms.ts";

const question = { question: "Which one is it?", options: { A: "one", B: "two", C: "three" } };
const stages = [{ llms: { small: 2, other: 1 } }, { llms: { strong: 1 } }];

let fit = "";
let serial = 0;

/** Puts a version into R2, and points at it. */
async function publish(changes: Partial<PlanFit>, point = true) {
  const value = { ...planFit, name: `plan.${fit}`, ...changes };
  const folder = `adapters/plan.${fit}/${value.version}`;
  await bindings.ADAPTERS.put(`${folder}/manifest.json`, JSON.stringify(value));
  if (!point) return;
  serial += 1;
  const pointer = { schema: 1, adapter: `plan.${fit}`, version: value.version, serial, share: 1 };
  const text = JSON.stringify({ ...pointer, updatedAt: "2026-12-01T00:00:00Z" });
  await bindings.ADAPTERS.put(`channels/plan.${fit}/stable.json`, text);
}

/** An isolate with the plan, whose pointer is looked at with every request. */
async function started(plan: object = {}) {
  const plans = [{ name: "careful", stages, fit, ...plan }];
  const more = { POINTER_INTERVAL_SECONDS: "0" };
  const call = await isolate(configured({ small: {}, other: {}, strong: {} }, plans, more));
  const { key } = await newKey();
  const ask = async (body: object = {}) =>
    (await call("/v1/answer", { key, body: { ...question, ...body } })).body;
  return { ask, call, key };
}

/** The fixture, whose first stage is left at this confidence for a share of 0.3. */
function leftAt(threshold: number): PlanFit["groups"] {
  return planFit.groups.map((group) => ({
    ...group,
    stages: group.stages.map((stage, at) =>
      at === 0 ? { ...stage, thresholds: [{ by: "share", value: 0.3, threshold }] } : stage,
    ),
  }));
}

beforeEach(() => {
  fit = `fit-${crypto.randomUUID().slice(0, 8)}`;
  for (const method of ["log", "warn"] as const) vi.spyOn(console, method).mockReturnValue();
});
afterEach(() => {
  vi.restoreAllMocks();
});

describe("a fitted plan", () => {
  it("believes sources by their weights, has a confidence, and decides by it", async () => {
    await publish({ groups: leftAt(0.99) });
    // Two of three say A, but "small" agrees with itself and counts once.
    const { asked } = fakeLlms({
      small: { says: ["A"] },
      other: { says: ["B"] },
      strong: { says: ["B"] },
    });
    const { ask } = await started();
    const body = await ask();
    expect(asked()).toEqual(["small x2", "other x1", "strong x1"]);
    // small 1, other .5 + strong 2: B.
    expect(body).toMatchObject({ answer: "B", llm: "other", strategy: "weighted_vote" });
    expect(body.escalations).toMatchObject([
      { stage: 2, reason: "unsure", judged: { by: "confidence", threshold: 0.99 } },
    ]);
    expect(body.confidence).toBeGreaterThan(0);
    expect(body.confidence_reason).toBeNull();
  });

  it("stays where the fitted confidence is enough, though candidates disagree", async () => {
    await publish({ groups: leftAt(0.2) });
    const { asked } = fakeLlms({
      small: { says: ["A"] },
      other: { says: ["B"] },
      strong: { says: ["C"] },
    });
    const { ask } = await started();
    expect(await ask()).toMatchObject({ answer: "A", escalated: false });
    expect(asked()).not.toContain("strong x1");
  });

  it("goes by the threshold that was fitted for the plan's wish", async () => {
    await publish({});
    fakeLlms({ small: { says: ["A"] }, other: { says: ["B"] }, strong: { says: ["C"] } });
    const wishing = async (leave: object) => {
      const [first, second] = stages;
      const { ask } = await started({ stages: [{ ...first, leave }, second] });
      return (await ask()).escalations[0]?.judged ?? null;
    };
    expect(await wishing({ share: 0.3 })).toMatchObject({ by: "confidence", threshold: 0.6 });
    expect(await wishing({ share: 0.5 })).toMatchObject({ by: "confidence", threshold: 0.8 });
    expect(await wishing({ confidence: 0.97 })).toMatchObject({
      by: "confidence",
      threshold: 0.97,
    });
    expect(await wishing({ agreement: 0.9 })).toMatchObject({ by: "agreement", threshold: 0.9 });
    expect(await wishing({ error: 0.01 })).toMatchObject({ by: "agreement", threshold: 0.8 });
  });

  it("goes by agreement, without a confidence, where a fitted source has written nothing", async () => {
    await publish({});
    fakeLlms({ small: { says: ["A"] }, other: { says: [], status: 401 }, strong: { says: ["C"] } });
    const { ask } = await started();
    const body = await ask();
    expect(body).toMatchObject({ confidence: null, confidence_reason: "plan_incomplete" });
    expect(body.escalations[0]?.judged).toMatchObject({ by: "agreement" });
  });

  it("is swapped while requests come, pinned by version, and told of", async () => {
    await publish({ version: "1", groups: leftAt(0.2) });
    fakeLlms({ small: { says: ["A"] }, other: { says: ["B"] }, strong: { says: ["C"] } });
    const { ask, call, key } = await started();
    expect((await ask()).escalated).toBe(false);
    await publish({ version: "2", groups: leftAt(0.99) });
    // The pointer is looked at beside a request.
    await expect.poll(async () => (await ask()).escalated).toBe(true);
    expect(await ask({ model: "careful@1" })).toMatchObject({
      ...{ escalated: false, model: "careful@1" },
    });
    const ready = await call("/readyz");
    expect(ready.body.plans).toEqual([{ fit, version: "2", serial, fault: null }]);
    const { body } = await call("/v1/models", { key });
    expect(body.data[0].medadapter.fit).toMatchObject({ version: "2", metrics: planFit.metrics });
  });

  it("that cannot be read changes nothing, and /readyz says why", async () => {
    await publish({ version: "1", groups: leftAt(0.2) });
    fakeLlms({ small: { says: ["A"] }, other: { says: ["B"] }, strong: { says: ["C"] } });
    const { ask, call } = await started();
    await ask();
    await publish({ version: "2", groups: [] });
    expect((await ask()).escalated).toBe(false);
    const { body } = await call("/readyz");
    expect(body.plans).toEqual([
      { fit, version: "1", serial: serial - 1, fault: "manifest_malformed" },
    ]);
    await publish({ version: "3", name: "plan.somebody-else" }, true);
    await ask();
    expect((await call("/readyz")).body.plans[0].fault).toBe("identity_mismatch");
  });

  it("that is not there yet leaves the plan to agreement", async () => {
    fakeLlms({ small: { says: ["A"] }, other: { says: ["A"] }, strong: { says: ["C"] } });
    const { ask, call } = await started();
    expect(await ask()).toMatchObject({ answer: "A", escalated: false, confidence: null });
    expect((await call("/readyz")).body.plans).toEqual([
      { fit, version: null, serial: null, fault: "pointer_absent" },
    ]);
  });

  it.each(["careful@9", "careful@", "careful@../1", "small@1"])("%s is no model", async (model) => {
    await publish({});
    const { asked } = fakeLlms({ small: { says: ["A"] } });
    const { ask } = await started();
    expect(await ask({ model })).toMatchObject({ code: "unknown_model" });
    expect(asked()).toEqual([]);
  });
});
