/** Tokens and API keys that someone made up or changed: refused by name, and nobody is let in who was not. */
import fc from "fast-check";
import { expect } from "vitest";
import { NAME } from "../../src/worker/access/caller.ts";
import { parseKey } from "../../src/worker/access/keys.ts";
import { readToken } from "../../src/worker/access/tokens.ts";
import { allScopes } from "../../src/worker/features.ts";
import { claims, forged, issuerKey, JwksHost, token, tokenRules } from "../worker/access/tokens.ts";
import { fuzz } from "./fuzz.ts";
import { anyText } from "./texts.ts";

const key = await issuerKey("ES256", "key-1");
const jwks = new JwksHost([key]).client();
const good = await token(key);
const [head = "", body = "", signature = ""] = good.split(".");
const granted = await readToken(good, tokenRules, jwks);

const FAULTS = [
  "not_a_token",
  "algorithm_refused",
  "key_unknown",
  "not_verified",
  "claims_refused",
];
const base64Url = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const anyPart = fc.oneof(
  fc.constantFrom(head, body, signature, ""),
  fc.json().map((json) => Buffer.from(json).toString("base64url")),
  fc.string({ unit: fc.constantFrom(...base64Url), maxLength: 20 }),
  anyText,
);
const header = fc.record(
  {
    alg: fc.constantFrom<unknown>("none", "HS256", "ES256", "RS256", "EdDSA", "es256", 7, null),
    kid: fc.constantFrom<unknown>("key-1", "key-2", "", "../key-1", 1, null),
    typ: fc.constantFrom<unknown>("JWT", "at+jwt", "jwe", 1),
    jku: fc.constant("https://evil.example/jwks.json"),
    crit: fc.constant(["exp"]),
  },
  { requiredKeys: [] },
);
const forgery = fc
  .tuple(header, fc.dictionary(fc.constantFrom("exp", "tenant", "scope", "sub"), fc.jsonValue()))
  .map(([given, changes]) => ({ given, changes }));

fuzz(
  "no token but the issuer's own lets anyone in",
  0.02,
  fc.oneof(
    fc.array(anyPart, { maxLength: 4 }).map((parts) => parts.join(".")),
    fc
      .tuple(fc.nat(good.length - 1), fc.constantFrom(...base64Url, "=", ".", "\u00e9"))
      .map(([at, letter]) => `${good.slice(0, at)}${letter}${good.slice(at + 1)}`),
    fc.nat(good.length).map((length) => good.slice(0, length)),
    forgery,
  ),
  async (made) => {
    const text = typeof made === "string" ? made : await forged(made.given, claims(made.changes));
    const result = await readToken(text, tokenRules, jwks);
    if (!result.ok) {
      expect(FAULTS).toContain(result.fault.kind);
      return;
    }
    // The signature's last letter has bits to spare; what is signed has none.
    expect(text.startsWith(`${head}.${body}.`)).toBe(true);
    expect(result).toEqual(granted);
  },
);

fuzz(
  "claims of a signed token that are not in order let nobody in",
  0.001,
  fc.record(
    {
      tenant: fc.oneof(anyText, fc.jsonValue()),
      scope: fc.oneof(anyText, fc.jsonValue()),
      sub: fc.oneof(anyText, fc.jsonValue()),
      exp: fc.oneof(fc.constant(claims().exp), fc.jsonValue()),
    },
    { requiredKeys: ["tenant"] },
  ),
  async (changes) => {
    const result = await readToken(await token(key, changes), tokenRules, jwks);
    if (!result.ok) {
      expect(FAULTS).toContain(result.fault.kind);
      return;
    }
    const { tenant, scopes, how, adapters } = result.caller;
    expect(tenant).toBe(changes.tenant);
    expect(tenant).toMatch(NAME);
    for (const scope of scopes) expect(allScopes.known).toContain(scope);
    expect({ how, adapters }).toEqual({ how: "token", adapters: null });
  },
);

fuzz(
  "a text is an API key only in the one form that keys have",
  0.05,
  fc.oneof(
    anyText,
    fc
      .tuple(
        fc.string({ unit: fc.constantFrom(..."0123456789abcdefG"), maxLength: 17 }),
        fc.string({ unit: fc.constantFrom(...base64Url), minLength: 42, maxLength: 44 }),
      )
      .map(([id, secret]) => `ma_${id}_${secret}`),
  ),
  (text) => {
    const parsed = parseKey(text);
    if (parsed !== null) expect(`ma_${parsed.id}_${parsed.secret}`).toBe(text);
  },
);
