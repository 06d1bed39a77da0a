/** The ledger of a tenant behind its Durable Object. */
import { retried } from "../durable/retried.ts";
import type { Ledger } from "./ledger.ts";
import type { LedgerObject } from "./ledgerObject.ts";

export type LedgerNamespace = DurableObjectNamespace<LedgerObject>;

/**
 * @param jurisdiction where the object must live and stay, or null for wherever it is first asked for
 */
export function durableLedger(
  namespace: LedgerNamespace,
  tenant: string,
  jurisdiction: DurableObjectJurisdiction | null,
): Ledger {
  // A stub whose object failed stays broken: a new one for each call.
  const stub = () => {
    // Throws in local workerd, which knows no jurisdictions.
    const place = jurisdiction === null ? namespace : namespace.jurisdiction(jurisdiction);
    return place.get(place.idFromName(tenant));
  };
  return {
    // Not tried twice: what the first try did is unknown, so that the second could find its own reservation.
    reserve: async (reservation) => stub().reserve(reservation),
    settle: (requestId, usage) => retried(() => stub().settle(requestId, usage)),
    release: (requestId) => retried(() => stub().release(requestId)),
    keep: (requestId, answer) => retried(() => stub().keep(requestId, answer)),
    usage: (query) => retried(() => stub().usage(query)),
  };
}
