/**
 * The public keys of the token issuer (RFC 7517), fetched from the configured URL and remembered by the isolate. A host
 * that fails locks nobody out whose key is remembered. No promise is shared between requests: one that ends early
 * would leave the others waiting.
 */
import type { HonoJsonWebKey } from "hono/utils/jwt/jws";
import { z } from "zod";

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** Age at which the keys are fetched again. */
const FRESH_MS = 600_000;
/** Least time between two looks: an unknown key id must not become a call to the host each time. */
const RETRY_MS = 10_000;
/** Age past which keys are no longer believed, even if the host fails. */
const STALE_MS = 86_400_000;
const TIMEOUT_MS = 3_000;
const MAX_CHARS = 65_536;

const KeySet = z.object({
  keys: z.array(z.looseObject({ kid: z.string().optional(), kty: z.string() })).max(64),
});

export class Jwks {
  readonly #url: string;
  readonly #fetch: Fetch;
  #known: { readonly keys: readonly HonoJsonWebKey[]; readonly at: number } | null = null;
  #lookedAt = Number.NEGATIVE_INFINITY;

  constructor(url: string, fetch: Fetch) {
    this.#url = url;
    this.#fetch = fetch;
  }

  /**
   * The key with this id.
   * @returns `unknown` where the issuer has no such key, `unavailable` where that cannot be found out
   */
  async find(kid: string): Promise<HonoJsonWebKey | "unknown" | "unavailable"> {
    const now = Date.now();
    const age = this.#known === null ? Number.POSITIVE_INFINITY : now - this.#known.at;
    const known = age < STALE_MS ? this.#key(kid) : undefined;
    if (known !== undefined && age < FRESH_MS) return known;
    if (now - this.#lookedAt < RETRY_MS) return known ?? this.#absent(age);
    // Set before the look: those who come meanwhile go on with what is known. At the very start all wait.
    if (this.#known !== null) this.#lookedAt = now;
    const keys = await this.#load();
    this.#lookedAt = Date.now();
    if (keys === null) return known ?? this.#absent(age);
    this.#known = { keys, at: Date.now() };
    return this.#key(kid) ?? "unknown";
  }

  #key(kid: string): HonoJsonWebKey | undefined {
    return this.#known?.keys.find((key) => key.kid === kid);
  }

  #absent(age: number): "unknown" | "unavailable" {
    return age < FRESH_MS ? "unknown" : "unavailable";
  }

  async #load(): Promise<readonly HonoJsonWebKey[] | null> {
    try {
      const response = await this.#fetch(this.#url, {
        headers: { accept: "application/json" },
        redirect: "manual",
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      if (response.status !== 200) {
        await response.body?.cancel();
        return null;
      }
      const text = await response.text();
      if (text.length > MAX_CHARS) return null;
      return KeySet.parse(JSON.parse(text)).keys as HonoJsonWebKey[];
    } catch {
      return null;
    }
  }
}
