/**
 * The Durable Object behind a tenant's ledger: single-threaded and exact. Each call is one transaction; an alarm settles
 * what nobody settled and deletes what has expired.
 */
import { DurableObject } from "cloudflare:workers";
import type {
  Reservation,
  ReserveResult,
  SealedAnswer,
  SettleResult,
  Usage,
  UsageQuery,
  UsageRow,
} from "./ledger.ts";
import { Replays } from "./replays.ts";
import type { CapState, SpendWish, UserSpent } from "./spend.ts";
import { UsageTables } from "./usageTables.ts";

/** Least time between two alarms: expiries that lie closer are swept together. */
const ALARM_GAP_MS = 5_000;

export class LedgerObject extends DurableObject {
  readonly #usage: UsageTables;
  readonly #replays: Replays;

  constructor(state: DurableObjectState, env: Cloudflare.Env) {
    super(state, env);
    this.#usage = new UsageTables(state.storage.sql);
    this.#replays = new Replays(state.storage.sql);
  }

  async reserve(reservation: Reservation): Promise<ReserveResult> {
    const now = Date.now();
    const result = this.ctx.storage.transactionSync(() => this.#reserve(reservation, now));
    if (result.kind === "granted") await this.#wakeBy(now + reservation.holdMs);
    return result;
  }

  settle(requestId: string, usage: Usage): SettleResult {
    return this.ctx.storage.transactionSync(() => this.#usage.settle(requestId, usage));
  }

  release(requestId: string): SettleResult {
    return this.ctx.storage.transactionSync(() => {
      this.#replays.forget(requestId);
      return this.#usage.release(requestId);
    });
  }

  keep(requestId: string, answer: SealedAnswer | null): void {
    this.ctx.storage.transactionSync(() => {
      if (answer === null) this.#replays.forget(requestId);
      else this.#replays.keep(requestId, answer);
    });
  }

  usage(query: UsageQuery): UsageRow[] {
    return this.#usage.usage(query);
  }

  caps(keyId: string, wish: Pick<SpendWish, "caps" | "user">): CapState[] {
    return this.#usage.caps(wish, keyId, Date.now());
  }

  topUsers(limit: number): UserSpent[] {
    return this.#usage.topUsers(limit, Date.now());
  }

  override async alarm(): Promise<void> {
    const now = Date.now();
    this.ctx.storage.transactionSync(() => {
      this.#usage.sweep(now);
      this.#replays.sweep(now);
    });
    const next = [this.#usage.nextExpiry(), this.#replays.nextExpiry()].filter((at) => at !== null);
    if (next.length > 0) await this.#wakeBy(Math.max(Math.min(...next), now + ALARM_GAP_MS));
  }

  #reserve(reservation: Reservation, now: number): ReserveResult {
    const { requestId, replay } = reservation;
    const found = replay === null ? null : this.#replays.find(replay, now);
    if (found !== null && found.kind !== "new") return found;
    const admission = this.#usage.reserve(reservation, now);
    if (admission.kind === "granted" && replay !== null) {
      this.#replays.begin(replay, requestId, now);
    }
    return admission;
  }

  /** Makes sure that an alarm comes at this time or before. */
  async #wakeBy(at: number): Promise<void> {
    const set = await this.ctx.storage.getAlarm();
    if (set === null || set > at) await this.ctx.storage.setAlarm(at);
  }
}
