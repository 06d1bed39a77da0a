/** `LLMS` and `PLANS`: what is read of them, and that each fault is named by its place and never by its value. */
import { describe, expect, it } from "vitest";
import type { Bindings } from "../../../src/worker/config/parts.ts";
import { readConfig } from "../../../src/worker/configuration.ts";

const cheap = { name: "cheap", base_url: "https://cheap.example/v1/", model: "small-8b" };
const strong = {
  ...{ name: "strong", base_url: "https://strong.example/v1", model: "big", key: "STRONG_KEY" },
  price: { in: 2.5, out: "10", cached: 1.25 },
  ...{ max_concurrent: 4, timeout_ms: 9_000, temperature: 0, tags: ["region:eu"] },
};
const careful = {
  name: "careful",
  stages: [{ llms: { cheap: 5 }, leave: { agreement: 0.9 } }, { llms: { strong: 1 } }],
};

function read(variables: object) {
  const env = Object.fromEntries(
    Object.entries({ STRONG_KEY: "geheim", ...variables }).map(([name, value]) => [
      name,
      typeof value === "string" ? value : JSON.stringify(value),
    ]),
  );
  return readConfig(env as unknown as Bindings);
}

function faultsOf(llms: unknown, plans: unknown = []): readonly string[] {
  const config = read({ LLMS: llms, PLANS: plans });
  return config.ok ? [] : config.faults;
}

describe("LLMS and PLANS", () => {
  it("say who is asked, in which stages", () => {
    const result = read({ LLMS: [cheap, strong], PLANS: [careful] });
    if (!result.ok) throw new Error(result.faults.join());
    const { llms, plans, currency } = result.config;
    expect(currency).toBe("USD");
    expect([...plans.keys()]).toEqual(["careful", "cheap", "strong"]);
    expect(llms.get("cheap")).toMatchObject({
      ...{ baseUrl: "https://cheap.example/v1", apiKey: null, price: null, defaults: {} },
    });
    expect(llms.get("strong")).toMatchObject({
      ...{ apiKey: "geheim", maxConcurrent: 4, timeoutMs: 9_000, tags: ["region:eu"] },
      price: { promptPico: 2_500_000n, completionPico: 10_000_000n, cachedPico: 1_250_000n },
      defaults: { temperature: 0 },
    });
    expect(plans.get("careful")?.stages).toMatchObject([
      {
        members: [{ llm: { name: "cheap" }, candidates: 5 }],
        leave: { by: "agreement", value: 0.9 },
      },
      { members: [{ llm: { name: "strong" }, candidates: 1 }], leave: null },
    ]);
    expect(plans.get("strong")?.stages).toMatchObject([
      { members: [{ llm: { name: "strong" }, candidates: null }] },
    ]);
  });

  it("a plan may have the name of an LLM, which then is not asked alone by it", () => {
    const named = { ...careful, name: "cheap" };
    const result = read({ LLMS: [cheap, strong], PLANS: [named] });
    if (!result.ok) throw new Error(result.faults.join());
    expect(result.config.plans.get("cheap")?.stages).toHaveLength(2);
    expect([...result.config.plans.keys()]).toEqual(["cheap", "strong"]);
  });

  it("LLM_BASE_URL and its friends mean plans of one stage", () => {
    const single = { LLM_BASE_URL: "https://one.example/v1", LLM_MODEL: "a, b" };
    const defaults = { MODEL_DEFAULTS: { b: { max_tokens: 99, price: { in: 1, out: 2 } } } };
    const result = read({
      ...single,
      ...defaults,
      PLANS: [{ name: "both", stages: [{ llms: { a: 2, b: 1 } }] }],
    });
    if (!result.ok) throw new Error(result.faults.join());
    const { llms, plans } = result.config;
    expect([...plans.keys()]).toEqual(["both", "a", "b"]);
    expect(llms.get("a")).toMatchObject({ baseUrl: "https://one.example/v1", price: null });
    expect(llms.get("b")).toMatchObject({
      ...{ defaults: { max_tokens: 99 }, price: { promptPico: 1_000_000n } },
    });
  });

  it.each([
    ["LLMS", "geheim", []],
    ["LLMS", [], []],
    ["LLMS[0].name", [{ ...cheap, name: "geheim name" }], []],
    ["LLMS[0].base_url", [{ ...cheap, base_url: "geheim" }], []],
    ["LLMS[0].base_url", [{ ...cheap, base_url: undefined }], []],
    ["LLMS[0].model", [{ ...cheap, model: "" }], []],
    ["LLMS[1].key", [cheap, { ...strong, key: "GEHEIM" }], []],
    ["LLMS[1].key", [cheap, { ...strong, key: "toString" }], []],
    ["LLMS[0].price.in", [{ ...cheap, price: { in: "geheim", out: 1 } }], []],
    ["LLMS[0].price.out", [{ ...cheap, price: { in: 1 } }], []],
    ["LLMS[0].price.in", [{ ...cheap, price: { in: -1, out: 1 } }], []],
    ["LLMS[0].max_concurrent", [{ ...cheap, max_concurrent: 0 }], []],
    ["LLMS[0].tags[0]", [{ ...cheap, tags: ["Geheim!"] }], []],
    ["LLMS[0] has a member that is not known", [{ ...cheap, geheim: 1 }], []],
    ["LLMS has two LLMs of one name", [cheap, { ...cheap, model: "other" }], []],
    ["AI must be a Workers AI binding", [{ ...cheap, provider: "workers-ai" }], []],
    ["PLANS", [cheap], "geheim"],
    ["PLANS[0].stages", [cheap], [{ name: "p", stages: [] }]],
    ["PLANS[0].stages[0].llms", [cheap], [{ name: "p", stages: [{ llms: {} }] }]],
    ["PLANS[0].stages[0].llms", [cheap], [{ name: "p", stages: [{ llms: { geheim: 1 } }] }]],
    ["PLANS[0].stages[0].llms.cheap", [cheap], [{ name: "p", stages: [{ llms: { cheap: 0 } }] }]],
    [
      "PLANS[0].stages[0].instead",
      [cheap],
      [{ name: "p", stages: [{ llms: { cheap: 1 }, instead: ["geheim"] }] }],
    ],
    [
      "PLANS[0].stages[0].leave does not go with the last stage",
      [cheap],
      [{ name: "p", stages: [{ llms: { cheap: 1 }, leave: { agreement: 1 } }] }],
    ],
    [
      "PLANS[0].stages[0].leave",
      [cheap, strong],
      [
        {
          name: "p",
          stages: [{ llms: { cheap: 1 }, leave: { geheim: 1 } }, { llms: { strong: 1 } }],
        },
      ],
    ],
    [
      "PLANS[0].stages[0].auto goes with one LLM only",
      [cheap, strong],
      [{ name: "p", stages: [{ llms: { cheap: 1, strong: 1 }, auto: true }] }],
    ],
    [
      "PLANS[0].stages must not ask an LLM in two stages",
      [cheap],
      [{ name: "p", stages: [{ llms: { cheap: 1 } }, { llms: { cheap: 1 } }] }],
    ],
    [
      "PLANS[0].stages must be at most MAX_K candidates together",
      [cheap, strong],
      [{ name: "p", stages: [{ llms: { cheap: 20 } }, { llms: { strong: 20 } }] }],
    ],
    ["PLANS has two plans of one name", [cheap, strong], [careful, careful]],
  ])("%s is named", (where, llms, plans) => {
    const faults = faultsOf(llms, plans);
    expect(faults.length).toBeGreaterThan(0);
    expect(faults[0]?.startsWith(where)).toBe(true);
    expect(faults.join()).not.toMatch(/geheim/iu);
  });

  it("LLM_CURRENCY is letters of ISO 4217", () => {
    const variables = { LLMS: [cheap], LLM_CURRENCY: "Euro" };
    expect(read(variables)).toMatchObject({
      faults: [expect.stringMatching(/^LLM_CURRENCY must be/u)],
    });
    expect(read({ ...variables, LLM_CURRENCY: "EUR" })).toMatchObject({
      ...{ ok: true, config: { currency: "EUR" } },
    });
  });
});
