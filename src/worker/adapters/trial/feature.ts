/** Canary and shadow: a newer version tried on a share of the traffic, and stopped where it leaves its bounds. */
import type { Feature } from "../../feature.ts";
import type { StopReason } from "./guard.ts";

declare module "../../http/log.ts" {
  interface LogEvents {
    canary_stopped: { readonly reason: StopReason };
  }
}

export const trial: Feature = {
  points: {
    canary_stopped: ({ reason }) => ({
      indexes: ["adapter"],
      blobs: ["canary_stopped", "", reason, "canary"],
    }),
  },
};
