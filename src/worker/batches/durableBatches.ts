/** A tenant's batches behind their Durable Object. */
import { retried } from "../durable/retried.ts";
import type { BatchBook } from "./batch.ts";
import type { BatchObject } from "./batchObject.ts";

export type BatchNamespace = DurableObjectNamespace<BatchObject>;

/** @param jurisdiction where the object must live and stay, or null for wherever it is first asked for */
export function durableBatches(
  namespace: BatchNamespace,
  tenant: string,
  jurisdiction: DurableObjectJurisdiction | null,
): BatchBook {
  // A stub whose object failed stays broken: a new one for each call.
  const stub = () => {
    const place = jurisdiction === null ? namespace : namespace.jurisdiction(jurisdiction);
    return place.get(place.idFromName(tenant));
  };
  return {
    // Neither is tried twice: the first try may have made the batch, or counted as an attempt.
    create: async (batch) => stub().create(batch),
    claim: async (id, line, leaseMs) => stub().claim(id, line, leaseMs),
    uploading: async (id) => stub().uploading(id),
    uploaded: (id, uploaded) => retried(() => stub().uploaded(id, uploaded)),
    get: (id) => retried(() => stub().get(id)),
    list: (query) => retried(() => stub().list(query)),
    finish: (id, line, outcome) => retried(() => stub().finish(id, line, outcome)),
    letGo: async (id, line, counts) => stub().letGo(id, line, counts),
    cancel: (id) => retried(() => stub().cancel(id)),
    remove: (id) => retried(() => stub().remove(id, tenant)),
  };
}
