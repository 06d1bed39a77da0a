/** Canary and shadow: a newer version tried on a share of the traffic, and stopped where it leaves its bounds. */
import type { Feature } from "../../feature.ts";
import type { StopReason } from "../trialChannels.ts";
import { CanaryAndShadow } from "./canaryAndShadow.ts";
import { durableGuard } from "./guard.ts";

declare module "../../http/log.ts" {
  interface LogEvents {
    canary_stopped: { readonly reason: StopReason };
  }
}

export const trial: Feature = {
  trialChannels: (env, options) =>
    new CanaryAndShadow(options, durableGuard(env.GUARD, options.adapter)),
  points: {
    canary_stopped: ({ reason }) => ({
      indexes: ["adapter"],
      blobs: ["canary_stopped", "", reason, "canary"],
    }),
  },
};
