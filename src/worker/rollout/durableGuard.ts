/** The guard of an adapter behind its Durable Object. */
import type { Guard } from "./guard.ts";
import type { GuardObject } from "./guardObject.ts";

export type GuardNamespace = DurableObjectNamespace<GuardObject>;

export function durableGuard(namespace: GuardNamespace, adapter: string): Guard {
  // A stub whose object failed stays broken: a new one for each call.
  const stub = () => namespace.get(namespace.idFromName(adapter));
  return {
    // Not tried twice: what the first try did is unknown, and counts must not be added twice.
    report: async (report) => stub().report(report),
    verdict: async (serial) => stub().verdict(serial),
    overview: async (serial) => stub().overview(serial),
  };
}
