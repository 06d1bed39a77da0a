/** The Durable Object behind an adapter's guard: one for each adapter, so that all isolates count into one place. */
import { DurableObject } from "cloudflare:workers";
import type { GuardOverview, GuardReport, Verdict } from "./guard.ts";
import { GuardBooks } from "./guardBooks.ts";
import { makeGuardTables } from "./guardTables.ts";

export class GuardObject extends DurableObject {
  readonly #books: GuardBooks;

  constructor(state: DurableObjectState, env: Cloudflare.Env) {
    super(state, env);
    makeGuardTables(state.storage.sql);
    this.#books = new GuardBooks(state.storage.sql);
  }

  report(report: GuardReport): Verdict {
    return this.ctx.storage.transactionSync(() => this.#books.report(report, Date.now()));
  }

  verdict(serial: number): Verdict {
    return this.#books.verdict(serial);
  }

  overview(serial: number | null): GuardOverview {
    return this.#books.overview(serial);
  }
}
