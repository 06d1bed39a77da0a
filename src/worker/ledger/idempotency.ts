/**
 * * `Idempotency-Key` on a POST (IETF draft-ietf-httpapi-idempotency-key-header): the names under which the ledger knows
 * key and body, and the answer's encryption. Neither key nor body can be read from what is stored.
 *
 * What is thrown where the ledger does not let a request through: a problem, or the answer that it has already.
 *
 * What a retry is told whose first request still runs, or has died.
 */

import { Replayed } from "../http/faults.ts";
import { Problem } from "../http/problems.ts";
import { type Sealer, sealerFor } from "../http/seal.ts";
import type { ReplayWish, ReserveResult, SealedAnswer } from "./ledger.ts";

/** How long an answer is kept. */
const KEEP_MS = 86_400_000;
/** Visible ASCII, in quotation marks (the draft's form) or bare, as clients send it. */
const FORM = /^"?[\x21\x23-\x7e]{1,255}"?$/;

export interface IdempotentRequest {
  readonly tenant: string;
  /** Who sends it: another's key of the same name is another key. */
  readonly principal: string;
  readonly route: string;
  readonly key: string;
  readonly body: Uint8Array;
  /** The form of the answer that headers choose beside the body: another is another request. Null: the route's only one. */
  readonly form: string | null;
}

/** Whether a header's value can be a key. */
export function isIdempotencyKey(value: string): boolean {
  return FORM.test(value);
}

export class Idempotency {
  readonly wish: ReplayWish;
  readonly #sealer: Sealer;

  private constructor(wish: ReplayWish, sealer: Sealer) {
    this.wish = wish;
    this.#sealer = sealer;
  }

  /** @param secret the Worker's CONTENT_SECRET */
  static async of(request: IdempotentRequest, secret: string): Promise<Idempotency> {
    const { tenant, principal, route, key, body, form } = request;
    const sealer = await sealerFor(secret, tenant, "idempotency");
    const id = await sealer.mac("key", principal, route, key);
    const fingerprint = await sealer.mac("body", ...(form === null ? [] : [form]), body);
    return new Idempotency({ id, fingerprint, keepMs: KEEP_MS }, sealer);
  }

  /** The answer as it may be kept. */
  async seal(status: number, contentType: string, body: Uint8Array): Promise<SealedAnswer> {
    return { status, contentType, sealed: await this.#sealer.seal(body, this.#about) };
  }

  /** The answer's body; null where it was not sealed for this very request. */
  open({ sealed }: SealedAnswer): Promise<Uint8Array | null> {
    return this.#sealer.open(sealed, this.#about);
  }

  get #about(): string {
    return `${this.wish.id}/${this.wish.fingerprint}`;
  }
}

/** Why the ledger does not let a request through. */
export function refusal(result: Exclude<ReserveResult, { kind: "granted" | "replay" }>): Problem {
  switch (result.kind) {
    case "quota_exceeded":
      return new Problem("insufficient_quota", {
        retryAfterSeconds: result.limit.resetMs / 1_000,
      });
    case "other_body":
      return new Problem("idempotency_key_reused");
    case "running":
      return stillRunning(result.ranMs, result.leftMs);
    case "duplicate":
      return new Problem("internal");
  }
}

/** What to throw for a request whose answer is kept: the answer, or a problem where it cannot be opened. */
export async function replayed(
  answer: SealedAnswer,
  idempotency: Idempotency | null,
): Promise<Error> {
  const body = (await idempotency?.open(answer)) ?? null;
  if (body === null) return new Problem("internal");
  const headers = { "content-type": answer.contentType, "idempotent-replayed": "true" };
  return new Replayed(new Response(body, { status: answer.status, headers }));
}

const LEAST_MS = 2_000;

/**
 * When to come again: in as long again as the first has run, so that neither a short run is waited for long nor a long
 * one asked for often; never later than its hold ends and its key is free.
 * @param ranMs since it began
 * @param leftMs of its hold
 */
export function stillRunning(ranMs: number, leftMs: number): Problem {
  const waitMs = Math.min(Math.max(ranMs, LEAST_MS), leftMs);
  return new Problem("idempotency_in_progress", { retryAfterSeconds: waitMs / 1_000 });
}
