/** An adapter's channels on the wire: what `/readyz` and `GET /v1/adapters` say of them. */
import { z } from "@hono/zod-openapi";
import { CHANNELS } from "../../adapter/pointer.ts";
import type { Rollout } from "./rollout.ts";
import type { AdapterFault } from "./source.ts";
import { CHANNEL_STATES, type ChannelState, COUNTS, STOP_REASONS } from "./trialChannels.ts";

export const Fault = z
  .object({
    reason: z.string(),
    version: z.string().optional(),
    detail: z
      .string()
      .optional()
      .openapi({ description: "The file or field at fault, or how the engine failed." }),
  })
  .openapi("AdapterFault");

export const ChannelBody = z
  .object({
    channel: z.enum(CHANNELS),
    version: z.string().nullable(),
    serial: z.int().nullable(),
    share: z.number().openapi({
      description: "Part of the traffic; of `shadow`, of the answers that it scores as well.",
    }),
    sticky: z.enum(["tenant", "request"]).nullable(),
    state: z.enum(CHANNEL_STATES).openapi({
      description:
        "In the isolate that was asked. `loading`: not loaded yet. `stopped`: by the guard. `refused`: its version cannot serve. `superseded`: stable serves its version, so there is nothing to try.",
    }),
    stopped: z
      .object({ reason: z.enum(STOP_REASONS), at: z.iso.datetime() })
      .nullable()
      .openapi({ description: "Why and when the guard stopped it." }),
    fault: Fault.nullable().openapi({
      description: "What is wrong with the version that the pointer names, or with the pointer.",
    }),
  })
  .openapi("AdapterChannel");

/** Counts of one version in one channel. */
export const CountsBody = z.object({
  channel: z.enum(CHANNELS),
  version: z.string(),
  ...(Object.fromEntries(COUNTS.map((name) => [name, z.int()])) as Record<
    (typeof COUNTS)[number],
    z.ZodInt
  >),
});

/** Stable, and the trial channels that name a version or whose pointer is at fault. */
export function channelBodies({ parts }: Rollout): z.infer<typeof ChannelBody>[] {
  const { version, serial, ranker, fault } = parts.stable.status();
  const stable: ChannelState = {
    channel: "stable",
    version,
    serial,
    share: 1,
    sticky: null,
    state: ranker !== null ? "serving" : fault !== null ? "refused" : "loading",
    stopped: null,
    fault,
  };
  return [stable, ...(parts.trial?.states() ?? [])].map(channelBody);
}

function channelBody({ stopped, fault, ...state }: ChannelState): z.infer<typeof ChannelBody> {
  return {
    ...state,
    stopped: stopped && { reason: stopped.reason, at: new Date(stopped.at).toISOString() },
    fault: wireFault(fault),
  };
}

/** A fault as callers see it: its name, the version that has it, and the file or field, or how the engine failed. */
export function wireFault(fault: AdapterFault | null): z.infer<typeof Fault> | null {
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
