/** An adapter's channels on the wire: what `/readyz` and `GET /v1/adapters` say of them. */
import { z } from "@hono/zod-openapi";
import { CHANNELS } from "../../adapter/pointer.ts";
import type { Rollout } from "./rollout.ts";
import type { AdapterFault } from "./source.ts";
import { STOP_REASONS } from "./trial/guard.ts";
import type { TrialChannel } from "./trial/trialChannel.ts";

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

export const ChannelState = z
  .object({
    channel: z.enum(CHANNELS),
    version: z.string().nullable(),
    serial: z.int().nullable(),
    share: z.number().openapi({
      description: "Part of the traffic; of `shadow`, of the answers that it scores as well.",
    }),
    sticky: z.enum(["tenant", "request"]).nullable(),
    state: z.enum(["serving", "loading", "stopped", "refused", "superseded"]).openapi({
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

export type ChannelBody = z.infer<typeof ChannelState>;

/** Channels that name a version, or whose pointer is at fault. */
export function channelBodies({ parts }: Rollout): ChannelBody[] {
  const { version, serial, ranker, fault } = parts.stable.status();
  const { canary, shadow } = parts;
  const stable: ChannelBody = {
    channel: "stable",
    version,
    serial,
    share: 1,
    sticky: null,
    state: ranker !== null ? "serving" : fault !== null ? "refused" : "loading",
    stopped: null,
    fault: wireFault(fault),
  };
  const { stop } = canary;
  const stopped = stop && { reason: stop.reason, at: new Date(stop.at).toISOString() };
  const tried = trialBody("canary", canary.channel, canary.serves);
  const trials = [
    ...tried.map((body) => (stopped ? { ...body, state: "stopped" as const, stopped } : body)),
    ...trialBody("shadow", shadow, true),
  ];
  return [
    stable,
    ...trials.map((body) =>
      version !== null && body.version === version
        ? { ...body, state: "superseded" as const }
        : body,
    ),
  ];
}

/** @param cleared nothing but its ranker is waited for */
function trialBody(
  name: "canary" | "shadow",
  channel: TrialChannel,
  cleared: boolean,
): ChannelBody[] {
  const { pointer, fault, refused } = channel;
  if (pointer === null && fault === null) return [];
  const loaded = channel.ready() !== null;
  return [
    {
      channel: name,
      version: pointer?.version ?? null,
      serial: pointer?.serial ?? null,
      share: pointer?.share ?? 0,
      sticky: pointer?.sticky ?? null,
      state: refused || pointer === null ? "refused" : loaded && cleared ? "serving" : "loading",
      stopped: null,
      fault: wireFault(fault),
    },
  ];
}

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
