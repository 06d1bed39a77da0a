/** The Durable Objects that wrangler.toml names: every entry of the Worker exports them. */
export { GuardObject } from "./adapters/trial/guardObject.ts";
export { BatchObject } from "./batches/object.ts";
export { LedgerObject } from "./ledger/object.ts";
