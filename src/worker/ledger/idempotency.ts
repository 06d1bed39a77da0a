/**
 * `Idempotency-Key` on a POST (IETF draft-ietf-httpapi-idempotency-key-header): the first request runs, its retries get
 * its answer. The ledger knows key and body by keyed hashes alone, and keeps the answer encrypted.
 *
 * All POSTs share it. Routes whose body is read whole get it from `middleware.ts`. Batches read their lines as they come
 * in: they take the key (`readKey`), the refusals (`refusal`) and the header (`REPLAYED`), with a fingerprint of their own.
 */
import type { Context } from "hono";
import type { AppEnv } from "../config/parts.ts";
import { fieldProblem, Problem } from "../http/problems.ts";
import { type Sealer, sealerFor } from "../http/seal.ts";
import type { ReplayWish, ReserveResult, SealedAnswer } from "./ledger.ts";

/** How long an answer is kept, and its key remembered. Milliseconds. */
export const KEEP_MS = 86_400_000;

/** The header of an answer that an earlier request with the same key had: its name and value. */
export const REPLAYED = ["idempotent-replayed", "true"] as const;

/** Visible ASCII, in quotation marks (the draft's form) or bare, as clients send it. */
const FORM = /^(?:"([\x21\x23-\x7e]{1,255})"|([\x21\x23-\x7e]{1,255}))$/;

/** The request's Idempotency-Key, the same with and without quotation marks; null: it has none. Throws `Problem` for a value that cannot be one. */
export function readKey(c: Context<AppEnv>): string | null {
  const key = c.req.header("idempotency-key");
  if (key === undefined) return null;
  const [, quoted, bare] = FORM.exec(key) ?? [];
  const name = quoted ?? bare;
  if (name !== undefined) return name;
  throw fieldProblem("invalid_request", "Idempotency-Key", "must be 1 to 255 ASCII characters");
}

/** A request with an Idempotency-Key: its names in the ledger, and the encryption of its answer. */
export class Idempotency {
  readonly wish: ReplayWish;
  readonly #sealer: Sealer;

  private constructor(wish: ReplayWish, sealer: Sealer) {
    this.wish = wish;
    this.#sealer = sealer;
  }

  /**
   * Reads the key and the whole body. Keys are scoped to their sender and route.
   * @param form the form of the answer that headers choose beside the body: another form is another request. Null: the
   * route's only one
   * @returns null: the request has no key. Throws `Problem`: no key by its form, or answers cannot be kept here
   */
  static async read(c: Context<AppEnv>, form: string | null): Promise<Idempotency | null> {
    const key = readKey(c);
    if (key === null) return null;
    const secret = c.get("parts").config.contentSecret;
    if (secret === null) throw new Problem("idempotency_unavailable");
    const { tenant, principal } = c.get("caller");
    const body = new Uint8Array(await c.req.arrayBuffer());
    const sealer = await sealerFor(secret, tenant, "idempotency");
    const id = await sealer.mac("key", principal, c.req.path, key);
    const fingerprint = await sealer.mac("body", ...(form === null ? [] : [form]), body);
    return new Idempotency({ id, fingerprint, keepMs: KEEP_MS }, sealer);
  }

  /** The answer as it may be kept. */
  async seal(status: number, contentType: string, body: Uint8Array): Promise<SealedAnswer> {
    return { status, contentType, sealed: await this.#sealer.seal(body, this.#about) };
  }

  /** The response of a kept answer. Throws `Problem` where it was not sealed for this very request. */
  async replay({ status, contentType, sealed }: SealedAnswer): Promise<Response> {
    const body = await this.#sealer.open(sealed, this.#about);
    if (body === null) throw new Problem("internal");
    return new Response(body, { status, headers: [["content-type", contentType], [...REPLAYED]] });
  }

  get #about(): string {
    return `${this.wish.id}/${this.wish.fingerprint}`;
  }
}

/** A retry comes again after this at the earliest. Milliseconds. */
const LEAST_WAIT_MS = 2_000;

/** Why the ledger, or the batches, do not let a request through. */
export function refusal(
  result: Exclude<ReserveResult, { kind: "granted" | "replay" | "cap_reached" }>,
): Problem {
  switch (result.kind) {
    case "quota_exceeded":
      return new Problem("insufficient_quota", { retryAfterSeconds: result.limit.resetMs / 1_000 });
    case "other_body":
      return new Problem("idempotency_key_reused");
    case "running": {
      // As long again as the first has run: a short run is not waited for long, a long one not asked for often. Never
      // later than its hold ends: its key is free then.
      const waitMs = Math.min(Math.max(result.ranMs, LEAST_WAIT_MS), result.leftMs);
      return new Problem("idempotency_in_progress", { retryAfterSeconds: waitMs / 1_000 });
    }
    case "duplicate":
      return new Problem("internal");
  }
}
