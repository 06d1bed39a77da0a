/** Batches: many questions in one file, answered when there is room, through a queue. */
import type { Bindings } from "../config/parts.ts";
import { readDays, readNumber } from "../config/readers.ts";
import type { Feature } from "../feature.ts";
import { figuresPoint } from "../http/metrics.ts";
import type { ProblemKind } from "../http/problems.ts";
import type { RequestId } from "../http/request.ts";
import { type BatchNamespace, durableBatches, type TenantBatches } from "./batch.ts";
import { consume } from "./consume.ts";
import { batchProblems } from "./schema.ts";

declare module "../config/parts.ts" {
  interface Bindings {
    /** One object a tenant. */
    readonly BATCHES?: BatchNamespace;
    readonly BATCH_DAYS?: string;
    readonly BATCH_STALL_SECONDS?: string;
  }
  interface Config {
    /** Milliseconds for which a batch's content is kept. */
    readonly batchKeepMs: number;
    /** Milliseconds without a word from the queue after which a batch's lines are sent again. */
    readonly batchStallMs: number;
  }
  interface Parts {
    /** Batches of a tenant; null: there are none here. */
    readonly batchesOf: ((tenant: string) => TenantBatches) | null;
  }
}

declare module "../access/caller.ts" {
  interface Scopes {
    /** `/v1/batches`. A key reaches all batches of its tenant. */
    batch: true;
  }
}

declare module "../http/log.ts" {
  interface LogEvents {
    /** A line has ended. */
    line: LogFigures & {
      readonly id: RequestId;
      readonly status: number;
      readonly ms: number;
      readonly problem?: ProblemKind;
    };
    /** A batch's line waits because this store could not be reached. */
    store: { readonly id: RequestId; readonly store: "batches" | "content" | "keys" };
  }
}

const DAY_S = 86_400;

export const batches: Feature = {
  scopes: [{ name: "batch", open: true }],
  problems: batchProblems,
  streamedBodies: ["/v1/batches"],
  points: {
    line: (record) => figuresPoint("line", "line", record),
    store: ({ store }) => ({ indexes: ["store"], blobs: ["store", "", store, ""] }),
  },
  config: (env: Bindings, faults) => ({
    batchKeepMs: readDays(env, "BATCH_DAYS", 30, 365, faults),
    batchStallMs: readNumber(env, "BATCH_STALL_SECONDS", 1_200, 1, DAY_S, faults) * 1_000,
  }),
  parts: ({ BATCHES: namespace }, { content, config }) => ({
    batchesOf:
      content === null || namespace === undefined
        ? null
        : (tenant) => durableBatches(namespace, tenant, config.jurisdiction),
  }),
  queue: consume,
};
