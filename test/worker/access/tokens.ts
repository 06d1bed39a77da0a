/** An issuer of tokens for tests: its keys, its JWKS host, and tokens of every kind, good and bad. */
import { sign } from "hono/utils/jwt/jwt";
import type { TokenRules } from "../../../src/worker/access/tokens.ts";
import { Jwks } from "../../../src/worker/access/tokens.ts";
import { allScopes } from "../../../src/worker/features.ts";

export const tokenRules: TokenRules = {
  issuer: "https://issuer.example",
  audience: "medadapter",
  tenantClaim: "tenant",
  scopeClaim: "scope",
  quota: null,
  spend: { day: null, month: null },
  spendClaims: { day: "spend_day", month: "spend_month" },
  llmClaims: { allow: "llms", forbid: "forbid_llms" },
  scopes: allScopes.known,
};

type Kind = "RS256" | "ES256" | "EdDSA";
const algorithms = {
  RS256: {
    name: "RSASSA-PKCS1-v1_5",
    modulusLength: 2048,
    publicExponent: new Uint8Array([1, 0, 1]),
    hash: "SHA-256",
  },
  ES256: { name: "ECDSA", namedCurve: "P-256" },
  EdDSA: { name: "Ed25519" },
} as const;

/** A signing key and what the JWKS says of it. */
export interface IssuerKey {
  readonly kid: string;
  readonly kind: Kind;
  readonly privateJwk: JsonWebKey & { kid: string; alg: Kind };
  readonly publicJwk: JsonWebKey & { kid: string; use: string; alg: string };
}

/** @param bits of an RSA key; an issuer should have no fewer than 2,048 */
export async function issuerKey(kind: Kind, kid: string, bits = 2048): Promise<IssuerKey> {
  const how = { ...algorithms[kind], ...(kind === "RS256" ? { modulusLength: bits } : {}) };
  const made = await crypto.subtle.generateKey(how, true, ["sign", "verify"]);
  const { privateKey, publicKey } = made as CryptoKeyPair;
  const secret = (await crypto.subtle.exportKey("jwk", privateKey)) as JsonWebKey;
  const open = (await crypto.subtle.exportKey("jwk", publicKey)) as JsonWebKey;
  return {
    kid,
    kind,
    privateJwk: { ...secret, kid, alg: kind },
    publicJwk: { ...open, kid, use: "sig", alg: kind },
  };
}

/** Claims of a good token, with changes. */
export function claims(changes: Readonly<Record<string, unknown>> = {}) {
  const now = Math.floor(Date.now() / 1000);
  const base = {
    iss: tokenRules.issuer,
    aud: tokenRules.audience,
    sub: "user-4711",
    tenant: "clinic-a",
    scope: "openid answer rerank",
    iat: now,
    exp: now + 300,
  };
  return { ...base, ...changes };
}

export function token(key: IssuerKey, changes: Readonly<Record<string, unknown>> = {}) {
  return sign(claims(changes), key.privateJwk as Parameters<typeof sign>[1], key.kind);
}

/** A token whose parts are as given, whatever they say. */
export async function forged(
  header: object,
  payload: object,
  signature: (text: string) => Promise<Uint8Array> = async () => new Uint8Array(),
): Promise<string> {
  const part = (value: object) => base64Url(new TextEncoder().encode(JSON.stringify(value)));
  const text = `${part(header)}.${part(payload)}`;
  return `${text}.${base64Url(await signature(text))}`;
}

function base64Url(bytes: Uint8Array): string {
  const text = btoa(String.fromCharCode(...bytes));
  return text.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/** A JWKS host that can fail, and counts its visits. */
export class JwksHost {
  keys: readonly unknown[];
  down: "no" | "refused" | "500" | "garbage" | "redirect" = "no";
  visits = 0;

  constructor(keys: readonly IssuerKey[]) {
    this.keys = keys.map(({ publicJwk }) => publicJwk);
  }

  client(): Jwks {
    return new Jwks("https://issuer.example/jwks.json", async () => {
      this.visits += 1;
      if (this.down === "refused") throw new TypeError("connection refused");
      if (this.down === "500") return new Response("no", { status: 500 });
      if (this.down === "garbage") return new Response("<html>");
      if (this.down === "redirect") {
        return new Response(null, { status: 302, headers: { location: "https://evil.example" } });
      }
      return Response.json({ keys: this.keys });
    });
  }
}
