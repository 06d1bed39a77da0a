/** Which adapters a caller may use. One that is private to others does not exist for it. */
import type { Caller } from "./caller.ts";

/** Tenants of each private adapter; an adapter that is not named is open to the deployment. */
export type AdapterTenants = ReadonlyMap<string, readonly string[]>;

/** Whether the caller may use, list and see this adapter. */
export function mayUseAdapter(caller: Caller, adapter: string, tenants: AdapterTenants): boolean {
  const named = tenants.get(adapter);
  if (named !== undefined && !named.includes(caller.tenant)) return false;
  return caller.adapters === null || caller.adapters.includes(adapter);
}
