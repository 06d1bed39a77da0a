/** Probes. `/healthz`: the isolate runs. `/readyz`: it can rank answers with an adapter, or why not. */
import { createRoute, type RouteHandler, z } from "@hono/zod-openapi";
import type { AdapterFault } from "../adapterFault.ts";
import type { AdapterStatus } from "../adapterHost.ts";
import type { AppEnv } from "../parts.ts";
import { within } from "../within.ts";

/** A probe waits for a bundle that is being loaded, but not for ever. */
const LOOK_WAIT_MS = 15_000;

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

const Fault = z
  .object({
    reason: z.string(),
    version: z.string().optional(),
    detail: z
      .string()
      .optional()
      .openapi({ description: "The file or field at fault, or how the engine failed." }),
  })
  .openapi("AdapterFault");

const Readiness = z
  .object({
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
      description:
        "What is wrong with the version that the pointer names, even if an older serves.",
    }),
    engine: z.string().nullable(),
    load: z.object({ held: z.int(), waiting: z.int(), heap_mb: z.number() }).nullable(),
    configuration: z.array(z.string()).openapi({ description: "Faults of the configuration." }),
  })
  .openapi("Readiness");

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
    const none = { reason: "misconfigured", adapter: null, fault: null, engine: null, load: null };
    return c.json(
      { status: "misconfigured" as const, ...none, configuration: [...setup.faults] },
      503,
    );
  }
  const { adapters, engine, config } = setup.parts;
  // Anyone may probe: of an adapter that is private to some tenants only the state is told.
  const open = !config.access.adapterTenants.has(config.adapter);
  const looking = adapters.look((work) => c.executionCtx.waitUntil(work));
  await within(looking, LOOK_WAIT_MS);
  const status = adapters.status();
  const fault = wireFault(status.fault);
  const shown = open || fault === null ? fault : { reason: fault.reason };
  const rest = { fault: shown, engine: engine(), configuration: [] };
  const serving = wireServing(status);
  if (serving === null) {
    const reason = status.fault?.kind ?? "loading";
    return c.json({ status: "degraded" as const, reason, adapter: null, load: null, ...rest }, 503);
  }
  return c.json(
    {
      status: "ready" as const,
      reason: null,
      ...(open ? serving : { adapter: null, load: null }),
      ...rest,
    },
    200,
  );
};

function wireServing({ name, channel, ranker, version, serial }: AdapterStatus) {
  if (ranker === null || version === null) return null;
  const { attention, base } = ranker.manifest;
  const { held, waiting, heapBytes } = ranker.load();
  const heapMb = Math.round(heapBytes / 100_000) / 10;
  return {
    adapter: { name, version, channel, serial: serial ?? 0, attention, base: base.model },
    load: { held, waiting, heap_mb: heapMb },
  };
}

function wireFault(fault: AdapterFault | null) {
  if (fault === null) return null;
  const detail =
    ("path" in fault && fault.path) ||
    ("field" in fault && fault.field) ||
    ("reason" in fault && fault.reason) ||
    undefined;
  return {
    reason: fault.kind,
    ...("version" in fault ? { version: fault.version } : {}),
    ...(detail === undefined ? {} : { detail }),
  };
}
