/** `GET /v1/adapters`: the adapters that a caller may use: versions, channels, metrics, what is being counted. */
import { createRoute, type RouteHandler, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { mayUseAdapter } from "../access/caller.ts";
import type { AppEnv } from "../config/parts.ts";
import { Problem } from "../http/problems.ts";
import { problemResponses } from "../http/schema.ts";
import { waitAtMost } from "../http/waiting.ts";
import { ChannelBody, CountsBody, channelBodies, Fault, wireFault } from "./channelBody.ts";
import type { Rollout } from "./rollout.ts";
import type { VersionEntry } from "./versions.ts";

/** A check of a pointer may load a bundle. The list does not wait longer than this. */
const REFRESH_WAIT_MS = 5_000;

const Metric = z.object({
  set: z.string(),
  n: z.int(),
  rule: z.string(),
  value: z.number(),
  low: z.number(),
  high: z.number(),
});

const Version = z
  .object({
    version: z.string(),
    created_at: z.string().nullable(),
    base: z.string().nullable(),
    metrics: z.array(Metric).openapi({ description: "From its manifest, with 95 % intervals." }),
    fault: Fault.nullable().openapi({ description: "Why its manifest cannot be used." }),
  })
  .openapi("AdapterVersion");

const AdapterList = z
  .object({
    object: z.literal("list"),
    data: z.array(
      z.object({
        name: z.string(),
        object: z.literal("adapter"),
        versions: z.array(Version).openapi({
          description: "Those kept, any of which can be pinned: the last by name come first.",
        }),
        has_more: z.boolean().openapi({ description: "More versions are kept than are listed." }),
        channels: z.array(ChannelBody),
        counts: z.array(CountsBody).nullable().openapi({
          description:
            "Of all isolates, a few seconds old: since the canary's pointer was written, or ever since where there is none. Null: the guard cannot be asked.",
        }),
      }),
    ),
  })
  .openapi("AdapterList");

export const adaptersRoute = createRoute({
  method: "get",
  path: "/v1/adapters",
  tags: ["Answers"],
  summary: "The adapters that you may use: versions, channels, metrics, counts",
  responses: {
    200: {
      description: "One entry an adapter",
      content: { "application/json": { schema: AdapterList } },
    },
    401: problemResponses[401],
    429: problemResponses[429],
    500: problemResponses[500],
    503: problemResponses[503],
  },
});

export const getAdapters: RouteHandler<typeof adaptersRoute, AppEnv> = async (c) => {
  const { config, rollouts } = c.get("parts");
  const mine = [...rollouts.values()].filter(({ name }) =>
    mayUseAdapter(c.get("caller"), name, config.access.adapterTenants),
  );
  const data = await Promise.all(mine.map((rollout) => entryOf(c, rollout)));
  return c.json({ object: "list" as const, data }, 200);
};

async function entryOf(c: Context<AppEnv>, rollout: Rollout) {
  const { trial, versions } = rollout.parts;
  const refreshed = rollout.refresh((work) => c.executionCtx.waitUntil(work));
  await waitAtMost(refreshed, REFRESH_WAIT_MS);
  const [listed, counts] = await Promise.all([
    versions.list().catch(() => {
      throw new Problem("adapter_unavailable");
    }),
    trial?.counts() ?? null,
  ]);
  return {
    name: rollout.name,
    object: "adapter" as const,
    versions: listed.versions.map(versionBody),
    has_more: listed.more,
    channels: channelBodies(rollout),
    counts: counts && [...counts],
  };
}

function versionBody({ version, manifest }: VersionEntry): z.infer<typeof Version> {
  if (!manifest.ok) {
    const fault = wireFault({ ...manifest.failure, version });
    return { version, created_at: null, base: null, metrics: [], fault };
  }
  const { createdAt, base, metrics } = manifest.value;
  return { version, created_at: createdAt, base: base.model, metrics, fault: null };
}
