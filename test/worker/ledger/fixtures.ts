/** Ledgers and reservations for tests. */

import type { Reservation, Usage } from "../../../src/worker/ledger/ledger.ts";
import { durableLedger } from "../../../src/worker/ledger/ledger.ts";
import { bindings } from "../access/bindings.ts";

/** What eight candidates are thought to cost. */
export const estimate: Usage = {
  adapter: "mini@1",
  requests: 1,
  candidates: 8,
  adapterTokens: 1_000,
  promptTokens: 300,
  completionTokens: 2_000,
  llmRequests: 1,
  llms: [],
};

/** What they cost. */
export const used: Usage = {
  adapter: "mini@1",
  requests: 1,
  candidates: 7,
  adapterTokens: 901,
  promptTokens: 333,
  completionTokens: 777,
  llmRequests: 2,
  llms: [],
};

/** A reservation of key `k1` without a quota, held for a minute. */
export function reservation(requestId: string, changes: Partial<Reservation> = {}): Reservation {
  const base = { requestId, keyId: "k1", quota: null, estimate, holdMs: 60_000, replay: null };
  return { ...base, ...changes };
}

/** The ledger of a tenant of its own. */
export function newLedger() {
  const tenant = `tenant-${crypto.randomUUID()}`;
  const stub = bindings.LEDGER.get(bindings.LEDGER.idFromName(tenant));
  return { tenant, stub, ledger: durableLedger(bindings.LEDGER, tenant, null) };
}

/** All that was counted. */
export function totals(ledger: ReturnType<typeof newLedger>["ledger"]) {
  const days = { from: "2000-01-01", to: "2999-12-31" };
  return ledger.usage({ ...days, groupBy: [], keyId: null });
}
