/** Probes. `/healthz`: the isolate runs. `/readyz`: it can rank answers with an adapter, or why not. */
import { createRoute, type RouteHandler, z } from "@hono/zod-openapi";
import { waitAtMost } from "../../net/sharedWork.ts";
import type { AppEnv, Config } from "../config/parts.ts";
import { ChannelBody, channelBodies, Fault, wireFault } from "./channelBody.ts";
import type { AdapterStatus } from "./host.ts";
import type { Rollout } from "./rollout.ts";

/** How long a probe waits for a bundle that is being loaded. */
const REFRESH_WAIT_MS = 15_000;

export const healthRoute = createRoute({
  method: "get",
  path: "/healthz",
  tags: ["Service"],
  security: [],
  summary: "Alive",
  responses: {
    200: {
      description: "Alive",
      content: { "application/json": { schema: z.object({ status: z.literal("ok") }) } },
    },
  },
});

export const getHealth: RouteHandler<typeof healthRoute, AppEnv> = (c) =>
  c.json({ status: "ok" as const }, 200);

const AdapterReadiness = z.object({
  status: z.enum(["ready", "degraded", "misconfigured"]),
  reason: z.string().nullable().openapi({ description: "Why it is not ready." }),
  adapter: z
    .object({
      name: z.string(),
      version: z.string(),
      channel: z.string(),
      serial: z.int(),
      attention: z.string(),
      base: z.string(),
    })
    .nullable(),
  fault: Fault.nullable().openapi({
    description: "What is wrong with the version that the pointer names, even if an older serves.",
  }),
  channels: z.array(ChannelBody).openapi({
    description: "Not of an adapter that is private to some tenants.",
  }),
  engine: z.string().nullable(),
  load: z
    .object({
      held: z.int(),
      waiting: z.int(),
      heap_mb: z.number().openapi({ description: "Of the version that serves." }),
      all_heap_mb: z.number().openapi({
        description:
          "Of all versions of this adapter in memory: canary, pinned ones, one that is leaving. ONNX Runtime's one heap counts with each.",
      }),
    })
    .nullable(),
});

const Readiness = AdapterReadiness.extend({
  others: z.array(AdapterReadiness).optional().openapi({
    description:
      "Where LLMs have adapters of their own: all but the default. Ready are all, or none.",
  }),
  plans: z
    .array(
      z.object({
        fit: z.string(),
        version: z.string().nullable(),
        serial: z.int().nullable(),
        fault: z.string().nullable(),
      }),
    )
    .optional()
    .openapi({ description: "What was fitted for plans. Without it a plan goes by agreement." }),
  configuration: z.array(z.string()).openapi({ description: "Faults of the configuration." }),
}).openapi("Readiness");

const readiness = { content: { "application/json": { schema: Readiness } } };

export const readyRoute = createRoute({
  method: "get",
  path: "/readyz",
  tags: ["Service"],
  security: [],
  summary: "Ready to rank answers, or why not",
  responses: {
    200: { description: "Ready", ...readiness },
    503: { description: "Degraded (answers by majority vote) or not configured", ...readiness },
  },
});

export const getReady: RouteHandler<typeof readyRoute, AppEnv> = async (c) => {
  const setup = c.get("setup");
  if (!setup.ok) {
    const none = {
      reason: "misconfigured",
      adapter: null,
      fault: null,
      channels: [],
      engine: null,
      load: null,
    };
    return c.json(
      { status: "misconfigured" as const, ...none, configuration: [...setup.faults] },
      503,
    );
  }
  const { rollouts, config } = setup.parts;
  const refreshed = [...rollouts.values()].map((rollout) =>
    rollout.refresh((work) => c.executionCtx.waitUntil(work)),
  );
  const fits = [...setup.parts.planFits.values()].map((fitted) =>
    fitted.status((work) => c.executionCtx.waitUntil(work)),
  );
  await waitAtMost(Promise.all(refreshed), REFRESH_WAIT_MS);
  const plans = await Promise.all(fits);
  const [first, ...others] = [...rollouts.values()].map((rollout) => stateOf(rollout, config));
  if (first === undefined) throw new Error("there is always a default adapter");
  const body = {
    ...first,
    ...(others.length === 0 ? {} : { others }),
    ...(plans.length === 0 ? {} : { plans }),
    configuration: [],
  };
  const ready = [first, ...others].every(({ status }) => status === "ready");
  return ready
    ? c.json({ ...body, status: "ready" as const }, 200)
    : c.json({ ...body, status: "degraded" as const }, 503);
};

/** What is told of an adapter. Anyone may probe: of one that is private to some tenants only its state. */
function stateOf(rollout: Rollout, config: Config) {
  const open = !config.access.adapterTenants.has(rollout.name);
  const state = rollout.parts.stable.status();
  const fault = wireFault(state.fault);
  const serving = wireServing(state);
  return {
    status: serving === null ? ("degraded" as const) : ("ready" as const),
    reason: serving === null ? (state.fault?.kind ?? "loading") : null,
    ...(open && serving !== null ? serving : { adapter: null, load: null }),
    fault: open || fault === null ? fault : { reason: fault.reason },
    channels: open ? channelBodies(rollout) : [],
    engine: rollout.parts.engine(),
  };
}

function wireServing(status: AdapterStatus) {
  const { name, channel, ranker, version, serial } = status;
  if (ranker === null || version === null) return null;
  const { attention, base } = ranker.manifest;
  const { held, waiting, heapBytes } = ranker.load();
  return {
    adapter: { name, version, channel, serial: serial ?? 0, attention, base: base.model },
    load: {
      held,
      waiting,
      heap_mb: megabytes(heapBytes),
      all_heap_mb: megabytes(status.heapBytes),
    },
  };
}

/** To one decimal place. */
function megabytes(bytes: number): number {
  return Math.round(bytes / 100_000) / 10;
}
