/** Tokens: the good ones become callers, every kind of bad one is refused, a failing JWKS host locks nobody out. */
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import {
  Jwks,
  readToken,
  type TokenFault,
  type TokenRules,
} from "../../../src/worker/access/tokens.ts";
import {
  claims,
  forged,
  type IssuerKey,
  issuerKey,
  JwksHost,
  token,
  tokenRules,
} from "./tokens.ts";

let rsa: IssuerKey;
let ec: IssuerKey;
let ed: IssuerKey;
let host: JwksHost;

beforeAll(async () => {
  rsa = await issuerKey("RS256", "rsa-1");
  ec = await issuerKey("ES256", "ec-1");
  ed = await issuerKey("EdDSA", "ed-1");
  host = new JwksHost([rsa, ec, ed]);
});

afterEach(() => {
  vi.useRealTimers();
  host.down = "no";
});

const read = (text: string, jwks = host.client()) => readToken(text, tokenRules, jwks);

async function faultOf(text: string): Promise<TokenFault | null> {
  const result = await read(text);
  return result.ok ? null : result.fault;
}

const hmac = (secret: Uint8Array) => async (text: string) => {
  const how = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", secret, how, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", key, new TextEncoder().encode(text)));
};

describe("a good token", () => {
  it("signed by RS256, ES256 or EdDSA names tenant and scopes", async () => {
    for (const key of [rsa, ec, ed]) {
      expect(await read(await token(key))).toMatchObject({
        ok: true,
        caller: {
          tenant: "clinic-a",
          keyId: "token",
          how: "token",
          scopes: ["answer", "rerank"],
          adapters: null,
        },
      });
    }
  });

  it("may have its scopes in a list, several audiences, and the type of an access token", async () => {
    const listed = await token(rsa, { scope: ["answer", "admin"], aud: ["x", "medadapter"] });
    expect(await read(listed)).toMatchObject({ ok: true, caller: { scopes: ["answer"] } });
    const header = { alg: "RS256", kid: rsa.kid, typ: "at+jwt" };
    const signed = await forged(header, claims(), async (text) => {
      const how = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
      const key = await crypto.subtle.importKey("jwk", rsa.privateJwk, how, false, ["sign"]);
      return new Uint8Array(await crypto.subtle.sign(how, key, new TextEncoder().encode(text)));
    });
    expect((await read(signed)).ok).toBe(true);
  });

  it("may bound money and LLMs, in several forms; without such claims the deployment's bounds hold", async () => {
    const of = async (changes: object, rules: Partial<TokenRules> = {}) => {
      const set = { ...tokenRules, spend: { day: 5, month: null }, ...rules };
      const result = await readToken(await token(ec, { ...changes }), set, host.client());
      if (!result.ok) return result.fault;
      const { spend, llms, forbidLlms } = result.caller;
      return { spend, llms, forbidLlms };
    };
    const free = { spend: { day: 5, month: null }, llms: null, forbidLlms: [] };
    expect(await of({})).toEqual(free);
    expect(await of({ spend_day: "2.5", spend_month: 0, llms: "a region:eu" })).toEqual({
      ...{ spend: { day: 2_500_000, month: 0 }, llms: ["a", "region:eu"], forbidLlms: [] },
    });
    expect(await of({ llms: [], forbid_llms: ["b"] })).toEqual({
      ...{ ...free, llms: [], forbidLlms: ["b"] },
    });
    // No claim is read that the deployment does not name.
    const none = {
      spendClaims: { day: null, month: null },
      llmClaims: { allow: null, forbid: null },
    };
    expect(await of({ spend_day: "9", llms: ["a"], forbid_llms: 7 }, none)).toEqual(free);
    // What is no bound must not be taken for none.
    for (const odd of [null, "", "much", -1, 1e9, ["1"], true]) {
      expect(await of({ spend_day: odd })).toEqual({ kind: "claims_refused", claim: "spend" });
    }
    for (const odd of [null, 7, [7], ["two words"], { a: 1 }]) {
      expect(await of({ forbid_llms: odd })).toEqual({ kind: "claims_refused", claim: "llms" });
    }
  });

  it("tells users apart without keeping their names", async () => {
    const principals = await Promise.all(
      [{}, {}, { sub: "user-2" }, { tenant: "clinic-b" }].map(async (changes) => {
        const result = await read(await token(ec, changes));
        return result.ok ? result.caller.principal : "";
      }),
    );
    expect(principals[0]).toBe(principals[1]);
    expect(new Set(principals).size).toBe(3);
    expect(principals.join()).not.toContain("user");
  });
});

describe("a bad token is refused", () => {
  it("with alg none", async () => {
    for (const alg of ["none", "None", "NONE", ""]) {
      const text = await forged({ alg, kid: rsa.kid, typ: "JWT" }, claims());
      expect(await faultOf(text)).toEqual({ kind: "algorithm_refused" });
    }
  });

  it("with HS256 over the public key (RS/HS confusion)", async () => {
    const { n, e, kty } = rsa.publicJwk;
    const pem = await spki(rsa);
    for (const secret of [pem, JSON.stringify(rsa.publicJwk), JSON.stringify({ n, e, kty })]) {
      const sign = hmac(new TextEncoder().encode(secret));
      const text = await forged({ alg: "HS256", kid: rsa.kid, typ: "JWT" }, claims(), sign);
      expect(await faultOf(text)).toEqual({ kind: "algorithm_refused" });
    }
  });

  it("with an algorithm that its key is not for", async () => {
    const text = await forged({ alg: "ES256", kid: rsa.kid, typ: "JWT" }, claims());
    expect(await faultOf(text)).toMatchObject({ kind: "not_verified" });
    const pss = await forged({ alg: "PS256", kid: rsa.kid, typ: "JWT" }, claims());
    expect(await faultOf(pss)).toEqual({ kind: "algorithm_refused" });
  });

  it("for another audience, or none", async () => {
    for (const aud of ["other", ["a", "b"], undefined, "medadapter2"]) {
      const fault = await faultOf(await token(rsa, { aud }));
      expect(fault).toEqual({ kind: "not_verified", rule: "audience" });
    }
  });

  it("from another issuer, or none", async () => {
    for (const iss of ["https://issuer.example.evil", undefined]) {
      const fault = await faultOf(await token(rsa, { iss }));
      expect(fault).toEqual({ kind: "not_verified", rule: "issuer" });
    }
  });

  it("expired, without expiry, or not valid yet", async () => {
    const now = Math.floor(Date.now() / 1000);
    expect(await faultOf(await token(rsa, { exp: now - 1 }))).toEqual({
      kind: "not_verified",
      rule: "expired",
    });
    expect(await faultOf(await token(rsa, { exp: undefined }))).toEqual({
      kind: "claims_refused",
      claim: "exp",
    });
    expect(await faultOf(await token(rsa, { nbf: now + 60 }))).toEqual({
      kind: "not_verified",
      rule: "not_yet",
    });
  });

  it("with an unknown key id, or none", async () => {
    const stranger = await issuerKey("RS256", "nobody");
    expect(await faultOf(await token(stranger))).toEqual({ kind: "key_unknown" });
    const without = await forged({ alg: "RS256", typ: "JWT" }, claims());
    expect(await faultOf(without)).toEqual({ kind: "not_a_token" });
  });

  it("signed by another key under a known id, or changed after signing", async () => {
    const impostor = await issuerKey("RS256", rsa.kid);
    const fault = { kind: "not_verified", rule: "signature" };
    expect(await faultOf(await token(impostor))).toEqual(fault);
    const [header, , signature] = (await token(rsa)).split(".");
    const [, payload] = (await forged({}, claims({ tenant: "clinic-b" }))).split(".");
    expect(await faultOf(`${header}.${payload}.${signature}`)).toEqual(fault);
    expect(await faultOf(`${header}.${payload}.`)).toEqual(fault);
  });

  it("without tenant, subject or scopes", async () => {
    for (const claim of ["tenant", "sub", "scope"] as const) {
      const fault = { kind: "claims_refused", claim };
      expect(await faultOf(await token(ec, { [claim]: undefined }))).toEqual(fault);
      expect(await faultOf(await token(ec, { [claim]: 7 }))).toEqual(fault);
    }
    const odd = await faultOf(await token(ec, { tenant: "../x" }));
    expect(odd).toEqual({ kind: "claims_refused", claim: "tenant" });
  });

  it("that is no token at all", async () => {
    for (const text of ["", "a.b.c", "..", "x".repeat(9_000), `${await token(rsa)}.x`]) {
      expect(await faultOf(text)).toMatchObject({ kind: "not_a_token" });
    }
  });
});

async function spki({ publicJwk }: IssuerKey): Promise<string> {
  const how = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("jwk", publicJwk, how, true, ["verify"]);
  const der = new Uint8Array((await crypto.subtle.exportKey("spki", key)) as ArrayBuffer);
  const lines = btoa(String.fromCharCode(...der)).replace(/(.{64})/g, "$1\n");
  return `-----BEGIN PUBLIC KEY-----\n${lines}\n-----END PUBLIC KEY-----\n`;
}

describe("the issuer's keys", () => {
  it("are fetched once for many tokens", async () => {
    const fresh = new JwksHost([rsa]);
    const jwks = fresh.client();
    for (let i = 0; i < 5; i += 1) expect((await read(await token(rsa), jwks)).ok).toBe(true);
    expect(fresh.visits).toBe(1);
  });

  it("that are known go on working when the host fails, in whatever way", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const jwks = host.client();
    expect((await read(await token(rsa), jwks)).ok).toBe(true);
    for (const down of ["refused", "500", "garbage", "redirect"] as const) {
      host.down = down;
      vi.setSystemTime(Date.now() + 3_600_000);
      expect((await read(await token(rsa), jwks)).ok).toBe(true);
    }
    vi.setSystemTime(Date.now() + 86_400_000);
    const late = await read(await token(rsa), jwks);
    expect(late).toEqual({ ok: false, fault: { kind: "keys_unavailable" } });
  });

  it("that nobody knows yet are not judged while the host fails", async () => {
    host.down = "refused";
    const result = await read(await token(rsa));
    expect(result).toEqual({ ok: false, fault: { kind: "keys_unavailable" } });
  });

  it("that are new are found, but unknown ids do not hammer the host", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const rotating = new JwksHost([rsa]);
    const jwks = rotating.client();
    expect((await read(await token(rsa), jwks)).ok).toBe(true);
    rotating.keys = [ec.publicJwk];
    for (let i = 0; i < 20; i += 1) await read(await token(ed), jwks);
    expect(rotating.visits).toBe(1);
    vi.setSystemTime(Date.now() + 11_000);
    expect((await read(await token(ec), jwks)).ok).toBe(true);
    expect(rotating.visits).toBe(2);
    // Taken back by the issuer: refused from the next look on.
    expect((await read(await token(rsa), jwks)).ok).toBe(false);
  });

  it("are read though others among them are malformed, or of a kind that nobody knows", async () => {
    const odd = new JwksHost([rsa]);
    odd.keys = [
      null,
      7,
      { kid: 7, kty: "RSA" },
      { kid: "new", kty: "AKP", alg: "ML-DSA-44", pub: "x" },
      { kid: rsa.kid, kty: "RSA", n: "!", e: "AQAB" },
      { ...rsa.publicJwk, "x-vendor": { deep: [1] } },
    ];
    expect((await read(await token(rsa), odd.client())).ok).toBe(true);
    const unusable = await forged({ alg: "RS256", kid: "new", typ: "JWT" }, claims());
    const fault = { kind: "not_verified", rule: "form" };
    expect(await read(unusable, odd.client())).toEqual({ ok: false, fault });
  });

  it("may be two of one id: a token is good if either signed it", async () => {
    const first = await issuerKey("RS256", "same");
    const second = await issuerKey("RS256", "same");
    const twins = new JwksHost([first, second]);
    for (const key of [first, second]) {
      expect((await read(await token(key), twins.client())).ok).toBe(true);
    }
    const third = await issuerKey("RS256", "same");
    const fault = { kind: "not_verified", rule: "signature" };
    expect(await read(await token(third), twins.client())).toEqual({ ok: false, fault });
  });

  it("that are for something else, or are private, verify nothing", async () => {
    const { privateJwk, publicJwk } = rsa;
    for (const odd of [
      { ...publicJwk, use: "enc" },
      { ...publicJwk, alg: "RS512" },
      { ...publicJwk, key_ops: ["encrypt"] },
      privateJwk,
      { kid: rsa.kid, kty: "oct", k: publicJwk.n },
    ]) {
      const host = new JwksHost([]);
      host.keys = [odd];
      const result = await read(await token(rsa), host.client());
      expect(result).toEqual({ ok: false, fault: { kind: "not_verified", rule: "form" } });
      host.keys = [odd, publicJwk];
      expect((await read(await token(rsa), host.client())).ok).toBe(true);
    }
  });

  it("of RSA under 2,048 bits are refused", async () => {
    const weak = await issuerKey("RS256", "weak", 1024);
    const result = await read(await token(weak), new JwksHost([weak]).client());
    expect(result).toEqual({ ok: false, fault: { kind: "not_verified", rule: "form" } });
  });

  it("are fetched by each request for itself: one that hangs holds up no other", async () => {
    let visits = 0;
    const slow = new Jwks("https://issuer.example/jwks.json", () => {
      visits += 1;
      return visits === 1
        ? new Promise<Response>(() => {})
        : Promise.resolve(Response.json({ keys: [rsa.publicJwk] }));
    });
    const hanging = read(await token(rsa), slow);
    expect((await read(await token(rsa), slow)).ok).toBe(true);
    expect(visits).toBe(2);
    void hanging;
  });
});
