/** Who is asked next, for how many candidates, and what is told of it. The schedule asks nobody itself. */
import { describe, expect, it } from "vitest";
import type { Caller } from "../../../src/worker/access/caller.ts";
import { type Bounds, boundPlan, NO_BOUNDS } from "../../../src/worker/plans/bounds.ts";
import { Breakers } from "../../../src/worker/plans/breaker.ts";
import type { Llm } from "../../../src/worker/plans/llms.ts";
import type { Member, Plan, Stage } from "../../../src/worker/plans/plans.ts";
import {
  type Come,
  Schedule,
  type Step,
  type Verdict,
  type View,
} from "../../../src/worker/plans/schedule.ts";

const llmOf = (name: string, tags: string[] = []): Llm => ({
  ...{ name, model: name, provider: "openai", baseUrl: "", apiKey: null, price: null },
  ...{ maxConcurrent: null, timeoutMs: null, defaults: {}, tags },
});
const stageOf = (members: readonly [string, number][], more: Partial<Stage> = {}): Stage => ({
  members: members.map(([name, candidates]): Member => ({ llm: llmOf(name), candidates })),
  ...{ instead: [], auto: false, leave: null },
  ...more,
});
const planOf = (...stages: Stage[]): Plan => ({ name: "careful", stages, fit: null });

interface Setting {
  readonly plan: Plan;
  readonly bounds?: Partial<Bounds>;
  readonly caller?: Partial<Caller>;
  readonly breakers?: Breakers;
  readonly afford?: (names: string[]) => boolean;
  readonly adaptive?: { least: number };
}

function scheduleOf({ plan, bounds, caller, breakers, afford, adaptive }: Setting) {
  return new Schedule({
    bound: boundPlan(plan, { ...NO_BOUNDS, ...bounds }, { ...caller } as Caller),
    ...{ k: 8, adaptive: adaptive ?? null, hasOptions: true, tenant: "t" },
    breakers: breakers ?? new Breakers(),
    afford: (calls) => afford?.(calls.map(({ llm }) => llm.name)) ?? true,
  });
}

const come = (index: number, stage: number, answer: string | null = "A"): Come => ({
  ...{ index, stage, answer, logit: null, probability: null },
});
const viewOf = (candidates: Come[], verdict: Verdict["kind"]): View => ({
  ...{ candidates, rule: "no_rule" },
  judge: () => ({ kind: verdict, judged: null }),
});
const told = (step: Step | null) =>
  step?.calls.map(({ llm, n, first }) => `${llm.name} ${first}+${n}`) ?? null;

const two = planOf(stageOf([["cheap", 3]]), stageOf([["strong", 1]]));

describe("the stages of a plan", () => {
  it("are entered one after another, only while the answer is not good enough", () => {
    const schedule = scheduleOf({ plan: two });
    expect(told(schedule.next(viewOf([], "open")))).toEqual(["cheap 0+3"]);
    const step = schedule.next(viewOf([come(0, 1), come(1, 1, "B"), come(2, 1, "C")], "enter"));
    expect(told(step)).toEqual(["strong 3+1"]);
    expect(step?.escalation).toMatchObject({ stage: 2, reason: "unsure" });
    expect(schedule.next(viewOf([come(3, 2)], "enter"))).toBeNull();
    expect(schedule.asked).toBe(4);
  });

  it("end where the answer is good enough", () => {
    const schedule = scheduleOf({ plan: two });
    schedule.next(viewOf([], "open"));
    expect(schedule.next(viewOf([come(0, 1)], "leave"))).toBeNull();
    expect(schedule.escalations).toEqual([]);
  });

  it("are entered before the last candidate has come where it can change nothing", () => {
    const schedule = scheduleOf({ plan: two });
    schedule.next(viewOf([], "open"));
    expect(schedule.early(viewOf([come(0, 1)], "open"), 2)).toBeNull();
    const step = schedule.early(viewOf([come(0, 1), come(1, 1, "B")], "enter"), 1);
    expect(told(step)).toEqual(["strong 3+1"]);
    expect(schedule.early(viewOf([come(0, 1), come(1, 1, "B")], "enter"), 2)).toBeNull();
  });

  it.each([
    ["failed", []],
    ["no_answer", [come(0, 1, null)]],
  ] as const)("tell that one %s", (reason, candidates) => {
    const schedule = scheduleOf({ plan: two });
    schedule.next(viewOf([], "open"));
    schedule.next(viewOf([...candidates], "enter"));
    expect(schedule.escalations).toMatchObject([{ stage: 2, reason }]);
  });

  it("ask all members of a stage at once", () => {
    const schedule = scheduleOf({ plan: planOf(stageOf([["a", 2], ["b", 1]])) }); // biome-ignore format: pairs
    expect(told(schedule.next(viewOf([], "open")))).toEqual(["a 0+2", "b 2+1"]);
  });

  it("ask the one LLM of a stage in waves where the request or the plan says auto", () => {
    for (const setting of [
      { plan: planOf(stageOf([["a", 6]], { auto: true })) },
      { plan: planOf(stageOf([["a", 6]])), adaptive: { least: 1 } },
    ]) {
      const schedule = scheduleOf(setting);
      const rule = { ...{ first: 3, step: 2, threshold: 0.9 } } as View["rule"];
      const waiting: View = { ...viewOf([], "open"), rule: "waiting" };
      expect(told(schedule.next(waiting))).toEqual(["a 0+3"]);
      const split = [come(0, 1), come(1, 1, "B"), come(2, 1, "C")];
      const next = schedule.next({ ...viewOf(split, "leave"), rule });
      expect(next?.calls[0]?.first).toBe(3);
    }
  });
});

describe("an LLM that is down", () => {
  const withInstead = planOf(
    stageOf([["cheap", 3]], { instead: [llmOf("second"), llmOf("third")] }),
    stageOf([["strong", 1]]),
  );

  it("gives the places of what failed to the next", () => {
    const schedule = scheduleOf({ plan: withInstead });
    const [call] = schedule.next(viewOf([], "open"))?.calls ?? [];
    if (call === undefined) throw new Error("nobody was asked");
    expect(call.replaceable).toBe(true);
    schedule.ended(call, ["server_error", "server_error"]);
    const second = schedule.early(viewOf([come(0, 1)], "open"), 0);
    expect(told(second)).toEqual(["second 3+2"]);
    expect(schedule.skipped).toEqual([{ llm: "cheap", reason: "server_error", candidates: 2 }]);
    const [again] = second?.calls ?? [];
    if (again !== undefined) schedule.ended(again, ["timeout", "timeout"]);
    expect(told(schedule.next(viewOf([come(0, 1)], "leave")))).toEqual(["third 5+2"]);
  });

  it("is not asked while its breaker is open, and the answer says so", () => {
    const breakers = new Breakers();
    for (const name of ["cheap", "second"]) {
      for (const _ of [1, 2, 3]) breakers.failed(name, "t", "refused_connection");
    }
    const schedule = scheduleOf({ plan: withInstead, breakers });
    expect(told(schedule.next(viewOf([], "open")))).toEqual(["third 0+3"]);
    expect(schedule.skipped).toContainEqual({ llm: "cheap", reason: "breaker", candidates: 3 });
  });

  it("leaves its stage empty where nobody stands by, and the next stage is entered", () => {
    const breakers = new Breakers();
    for (const _ of [1, 2, 3]) breakers.failed("cheap", "t", "refused_connection");
    const schedule = scheduleOf({ plan: two, breakers });
    expect(schedule.next(viewOf([], "enter"))?.calls).toEqual([]);
    expect(told(schedule.next(viewOf([], "enter")))).toEqual(["strong 0+1"]);
  });

  it("is asked after all where nobody else has written", () => {
    const breakers = new Breakers();
    for (const _ of [1, 2, 3]) breakers.failed("cheap", "t", "refused_connection");
    const schedule = scheduleOf({ plan: two, breakers });
    schedule.next(viewOf([], "enter"));
    const [strong] = schedule.next(viewOf([], "enter"))?.calls ?? [];
    if (strong !== undefined) schedule.ended(strong, ["unauthorized"]);
    const [call] = schedule.next(viewOf([], "enter"))?.calls ?? [];
    expect(call).toMatchObject({ llm: { name: "cheap" }, n: 3, first: 1 });
    expect(schedule.skipped).toEqual([{ llm: "strong", reason: "unauthorized", candidates: 1 }]);
    expect(schedule.next(viewOf([], "enter"))).toBeNull();
  });

  it("is asked all the same where no other is left", () => {
    const breakers = new Breakers();
    for (const _ of [1, 2, 3]) breakers.failed("a", "t", "refused_connection");
    const schedule = scheduleOf({ plan: planOf(stageOf([["a", 2]])), breakers });
    expect(told(schedule.next(viewOf([], "open")))).toEqual(["a 0+2"]);
  });
});

describe("a caller's bounds", () => {
  it("take stages away, and say which LLMs were not asked", () => {
    const schedule = scheduleOf({ plan: two, bounds: { stages: 1 } });
    schedule.next(viewOf([], "open"));
    expect(schedule.next(viewOf([come(0, 1)], "enter"))).toBeNull();
    expect(schedule.bounded).toEqual([{ bound: "stages", stage: 2, llms: ["strong"] }]);
  });

  it("take LLMs away by name or tag; the next in line has their place", () => {
    const plan = planOf({
      ...stageOf([]),
      members: [{ llm: llmOf("us", ["region:us"]), candidates: 2 }],
      instead: [llmOf("us2", ["region:us"]), llmOf("eu", ["region:eu"])],
    });
    for (const setting of [
      { plan, bounds: { forbid: ["region:us"] } },
      { plan, bounds: { allow: ["eu"] } },
      { plan, caller: { forbidLlms: ["us", "us2"] } },
      { plan, caller: { llms: ["region:eu"] } },
    ]) {
      const schedule = scheduleOf(setting);
      expect(told(schedule.next(viewOf([], "open")))).toEqual(["eu 0+2"]);
      expect(schedule.bounded.flatMap(({ llms }) => llms).sort()).toEqual(["us", "us2"]);
    }
  });

  it("of money end the plan before a stage that could cost more", () => {
    const afford = (names: string[]) => !names.includes("strong");
    const schedule = scheduleOf({ plan: two, afford });
    schedule.next(viewOf([], "open"));
    expect(schedule.next(viewOf([come(0, 1)], "enter"))).toBeNull();
    expect(schedule.bounded).toEqual([{ bound: "max_cost", stage: 2, llms: ["strong"] }]);
    expect(schedule.escalations).toEqual([]);
  });
});
