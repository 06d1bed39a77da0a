/**
 * `Idempotency-Key` on a POST (IETF draft-ietf-httpapi-idempotency-key-header): the names under which the ledger knows
 * key and body, and the answer's encryption. Neither key nor body can be read from what is stored.
 */
import type { ReplayWish, SealedAnswer } from "./ledger.ts";
import { type Sealer, sealerFor } from "./seal.ts";

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
