/// <reference types="@cloudflare/vitest-plugin/types" />
/** The bindings that wrangler.toml gives the Worker under test. */
import { env } from "cloudflare:workers";
import type { LedgerNamespace } from "../../../src/worker/ledger/ledger.ts";

interface TestBindings {
  readonly KEYS: KVNamespace;
  readonly ADAPTERS: R2Bucket;
  readonly LEDGER: LedgerNamespace;
}

export const bindings = env as unknown as TestBindings;
