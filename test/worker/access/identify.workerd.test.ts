/** Who a request comes from: keys in KV, revocation within 60 s, and the one way in without a key. */
import { afterEach, describe, expect, it, vi } from "vitest";
import { mayUseAdapter, openCaller } from "../../../src/worker/access/caller.ts";
import { type Credentials, identify } from "../../../src/worker/access/identify.ts";
import {
  KEY_CACHE_MS,
  KeyCache,
  type KeyStore,
  KV_CACHE_SECONDS,
  kvKeyStore,
  revokeKey,
} from "../../../src/worker/access/keyStore.ts";
import type { KeyRecord, KeyWish } from "../../../src/worker/access/keys.ts";
import { makeKey, parseKey } from "../../../src/worker/access/keys.ts";
import { allScopes } from "../../../src/worker/features.ts";
import { bindings } from "./bindings.ts";
import { issuerKey, JwksHost, token, tokenRules } from "./tokens.ts";

const wish: KeyWish = {
  tenant: "clinic-a",
  scopes: ["answer"],
  adapters: ["mini"],
  quota: 100,
};
const store = kvKeyStore(bindings.KEYS);

async function storedKey(changes: Partial<KeyWish> = {}) {
  const made = await makeKey({ ...wish, ...changes }, new Date());
  await store.put(made.record);
  return made;
}

const credentials = (changes: Partial<Credentials> = {}): Credentials => ({
  keys: new KeyCache(store),
  tokens: null,
  openOnLocalhost: null,
  ...changes,
});

const call = (credential: string | null, host = "https://api.example") =>
  new Request(`${host}/v1/answer`, {
    headers: credential === null ? {} : { authorization: `Bearer ${credential}` },
  });

afterEach(() => {
  vi.useRealTimers();
});

describe("an API key", () => {
  it("names its tenant, scopes, adapters and quota", async () => {
    const { key, record } = await storedKey();
    expect(await identify(call(key), credentials())).toEqual({
      ok: true,
      caller: {
        ...{ ...wish, keyId: record.id, principal: record.id, how: "key" },
        // It bounds neither LLMs nor money.
        ...{ llms: null, forbidLlms: [], spend: { day: null, month: null } },
      },
    });
    // Such a record can be read by a Worker that knows no such bounds.
    const stored = JSON.parse((await bindings.KEYS.get(`key/${record.id}`)) ?? "");
    expect(Object.keys(stored).sort()).toEqual(
      ["schema", "id", "created", "revoked", "hash", ...Object.keys(wish)].sort(),
    );
  });

  it("names the LLMs that it is bound to, and what it may spend", async () => {
    const bounds = { llms: ["region:eu"], forbid_llms: ["strong"], spend_month: "12.50" };
    const { key } = await storedKey(bounds);
    expect(await identify(call(key), credentials())).toMatchObject({
      caller: {
        ...{ llms: ["region:eu"], forbidLlms: ["strong"] },
        spend: { day: null, month: 12_500_000 },
      },
    });
  });

  it("is stored as a hash only, with 256 random bits behind it", async () => {
    const { key, record } = await storedKey();
    const { secret } = parseKey(key) ?? { secret: "" };
    expect(atob(secret.replaceAll("-", "+").replaceAll("_", "/"))).toHaveLength(32);
    const stored = await bindings.KEYS.get(`key/${record.id}`);
    expect(stored).toContain(record.hash);
    expect(stored).not.toContain(secret);
    expect((await storedKey()).key).not.toBe(key);
  });

  it("with another secret, another id or another form is unknown", async () => {
    const [one, two] = [await storedKey(), await storedKey()];
    const mixed = `ma_${one.record.id}_${parseKey(two.key)?.secret}`;
    const never = (await makeKey(wish, new Date())).key;
    for (const key of [mixed, never, "ma_", `${one.key}x`, one.key.slice(0, -1), "ma_x_y"]) {
      const fault = { ok: false, fault: { kind: "key_unknown" } };
      expect(await identify(call(key), credentials())).toEqual(fault);
    }
  });

  it("that is revoked is refused everywhere within 60 s, from its last use on", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const { key, record } = await storedKey();
    const isolate = credentials({ keys: new KeyCache(behindKvCache(store)) });
    expect((await identify(call(key), isolate)).ok).toBe(true);
    await revokeKey(store, record.id, new Date());
    const revokedAt = Date.now();
    let lastAccepted = revokedAt;
    for (let second = 1; second <= 60; second += 1) {
      vi.setSystemTime(revokedAt + second * 1_000);
      if ((await identify(call(key), isolate)).ok) lastAccepted = Date.now();
    }
    expect(lastAccepted - revokedAt).toBeLessThan(60_000);
    expect(lastAccepted - revokedAt).toBeLessThanOrEqual(KEY_CACHE_MS + KV_CACHE_SECONDS * 1_000);
    expect(await identify(call(key), isolate)).toEqual({
      ok: false,
      fault: { kind: "key_revoked" },
    });
  });

  it("cannot be judged while the store fails", async () => {
    const failing = { ...store, find: () => Promise.reject(new Error("KV")) };
    const { key } = await storedKey();
    const result = await identify(call(key), credentials({ keys: new KeyCache(failing) }));
    expect(result).toEqual({ ok: false, fault: { kind: "store_unavailable" } });
  });

  it("shows in the list with its revocation, and not after an unreadable entry", async () => {
    const { record } = await storedKey();
    await bindings.KEYS.put("key/0000000000000000", "{");
    await revokeKey(store, record.id, new Date("2026-11-23T00:00:00Z"));
    await revokeKey(store, record.id, new Date("2026-11-24T00:00:00Z"));
    const listed = (await store.list()).find(({ id }) => id === record.id);
    expect(listed?.revoked).toBe("2026-11-23T00:00:00.000Z");
  });
});

/** A store as a location far from the write sees it: each answer 30 s old at most, kept from its first read. */
function behindKvCache(inner: KeyStore): KeyStore {
  let seen: { record: KeyRecord | null; at: number } | null = null;
  return {
    ...inner,
    find: async (id) => {
      if (seen === null || Date.now() - seen.at >= KV_CACHE_SECONDS * 1_000) {
        seen = { record: await inner.find(id), at: Date.now() };
      }
      return seen.record;
    },
  };
}

describe("a request without a key", () => {
  const open = credentials({ openOnLocalhost: allScopes.open });

  it("is let in only on localhost, and only where configuration says so", async () => {
    for (const host of ["http://localhost:8787", "http://127.0.0.1", "http://[::1]:80"]) {
      expect(await identify(call(null, host), open)).toEqual({
        ok: true,
        caller: openCaller(allScopes.open),
      });
      expect((await identify(call(null, host), credentials())).ok).toBe(false);
    }
    for (const host of [
      "https://api.example",
      "http://localhost.evil.example",
      "http://127.0.0.2",
    ]) {
      const fault = { ok: false, fault: { kind: "no_credentials" } };
      expect(await identify(call(null, host), open)).toEqual(fault);
    }
  });

  it("is refused where there is no key store at all", async () => {
    const none = credentials({ keys: null });
    const { key } = await storedKey();
    for (const credential of [null, key, "sk-other", "a.b.c"]) {
      expect((await identify(call(credential), none)).ok).toBe(false);
    }
  });

  it("may carry any SDK's made-up key on an open machine, but no wrong key of ours", async () => {
    const local = "http://localhost:8787";
    expect((await identify(call("sk-unused", local), open)).ok).toBe(true);
    expect((await identify(call("ma_wrong", local), open)).ok).toBe(false);
    expect((await identify(call("sk-unused"), open)).ok).toBe(false);
  });
});

describe("a token", () => {
  it("is told from a key, and refused where no issuer is configured", async () => {
    const key = await issuerKey("ES256", "ec-1");
    const tokens = { rules: tokenRules, jwks: new JwksHost([key]).client() };
    const text = await token(key);
    const accepted = await identify(call(text), credentials({ tokens }));
    expect(accepted).toMatchObject({ ok: true, caller: { how: "token", tenant: "clinic-a" } });
    expect((await identify(call(text), credentials())).ok).toBe(false);
  });
});

describe("an adapter", () => {
  const tenants = new Map([["mini", ["clinic-a"]]]);
  const of = (tenant: string, adapters: readonly string[] | null) => ({
    ...openCaller(allScopes.open),
    tenant,
    adapters,
  });

  it("that is private can be used by its tenants only, and only by keys that name it or all", () => {
    expect(mayUseAdapter(of("clinic-a", null), "mini", tenants)).toBe(true);
    expect(mayUseAdapter(of("clinic-a", ["mini"]), "mini", tenants)).toBe(true);
    expect(mayUseAdapter(of("clinic-a", ["other"]), "mini", tenants)).toBe(false);
    expect(mayUseAdapter(of("clinic-b", null), "mini", tenants)).toBe(false);
    expect(mayUseAdapter(of("clinic-b", ["mini"]), "mini", tenants)).toBe(false);
    expect(mayUseAdapter(of("clinic-b", null), "open", tenants)).toBe(true);
  });
});
