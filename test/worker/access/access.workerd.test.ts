/** Who gets in, over HTTP: keys, tokens, scopes, private adapters, the rate limit, the admin routes. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Bindings } from "../../../src/worker/config/parts.ts";
import { claims, issuerKey, token, tokenRules } from "./tokens.ts";
import { deployed, fakeLlm, isolate, newKey } from "./worker.ts";

const ask = { question: "Is water wet?", options: { yes: "yes", no: "no" }, k: 2 };
const adminToken = "an-admin-token-of-32-characters-or-more";

beforeEach(() => {
  vi.spyOn(console, "log").mockImplementation(() => {});
});
afterEach(() => {
  vi.restoreAllMocks();
});

describe("without a valid key", () => {
  it("every route under /v1 is closed, with a challenge, and the LLM is not asked", async () => {
    const llm = fakeLlm();
    const call = await deployed();
    const wrong = `ma_${"0".repeat(16)}_${"A".repeat(43)}`;
    for (const key of [undefined, "sk-other", wrong]) {
      for (const [path, body] of [
        ["/v1/answer", ask],
        ["/v1/chat/completions", {}],
        ["/v1/rerank", {}],
        ["/v1/models", undefined],
        ["/v1/adapters", undefined],
        ["/v1/usage", undefined],
      ] as const) {
        const {
          status,
          headers,
          body: problem,
        } = await call(path, {
          ...(key === undefined ? {} : { key }),
          body,
        });
        expect(status).toBe(401);
        expect(headers.get("www-authenticate")).toMatch(/^Bearer/);
        expect(problem.error.code).toBe("invalid_api_key");
      }
    }
    expect(llm.requests).toBe(0);
  });

  it("a Worker without a key store refuses everyone, also those who have a key", async () => {
    // Spread over the bindings, `undefined` takes KEYS away.
    const call = await deployed({ KEYS: undefined } as unknown as Partial<Bindings>);
    const { key } = await newKey();
    expect((await call("/v1/models", { key })).status).toBe(401);
    expect((await call("/healthz")).status).toBe(200);
  });
});

describe("a key", () => {
  it("opens what its scopes name, and nothing else", async () => {
    fakeLlm();
    const call = await deployed();
    const { key } = await newKey({ scopes: ["answer"] });
    expect((await call("/v1/answer", { key, body: ask })).status).toBe(200);
    expect((await call("/v1/models", { key })).status).toBe(200);
    const refused = await call("/v1/rerank", { key, body: { query: "q", documents: ["d"] } });
    expect(refused.status).toBe(403);
    expect(refused.body.code).toBe("insufficient_scope");
  });

  it("that sends too much at once is slowed down, others are not", async () => {
    const call = await deployed();
    const [fast, slow] = [await newKey(), await newKey()];
    let refused: Awaited<ReturnType<typeof call>> | null = null;
    for (let i = 0; i < 250 && refused === null; i += 1) {
      const answered = await call("/v1/models", { key: fast.key });
      if (answered.status !== 200) refused = answered;
    }
    expect(refused?.status).toBe(429);
    expect(refused?.headers.get("retry-after")).toBe("10");
    expect(refused?.body.error.code).toBe("rate_limit_exceeded");
    expect((await call("/v1/models", { key: slow.key })).status).toBe(200);
  });
});

describe("a private adapter", () => {
  it("can be neither used nor listed by others: it is as unknown as one that is not there", async () => {
    const llm = fakeLlm();
    const [owner, other] = [await newKey(), await newKey()];
    const tenants = { ADAPTER_TENANTS: JSON.stringify({ mini: [owner.tenant] }) };
    const call = await deployed(tenants);
    const asked = (key: string, adapter?: string) =>
      call("/v1/answer", { key, body: { ...ask, ...(adapter ? { adapter } : {}) } });
    expect((await asked(owner.key, "mini")).status).toBe(200);
    llm.requests = 0;
    const problems = await Promise.all([
      asked(other.key, "mini"),
      asked(other.key, "nobody"),
      asked(other.key),
      asked(other.key, "mini@1.0.0"),
    ]);
    const [hidden, unknown, byDefault, pinned] = problems.map(({ status, body }) => {
      const { instance: _instance, ...rest } = body;
      return { status, ...rest };
    });
    expect(hidden).toMatchObject({ status: 404, code: "unknown_adapter" });
    expect(hidden).toEqual(unknown);
    expect(byDefault).toEqual(unknown);
    expect(pinned).toEqual(unknown);
    expect(llm.requests).toBe(0);
    const ready = await call("/readyz");
    expect(JSON.stringify(ready.body)).not.toContain("mini");
    const list = async (key: string) => (await call("/v1/adapters", { key })).body.data;
    expect(await list(owner.key)).toMatchObject([{ name: "mini", versions: [], counts: [] }]);
    expect(await list(other.key)).toEqual([]);
  });

  it("is closed to a key that names other adapters", async () => {
    fakeLlm();
    const call = await deployed();
    const { key } = await newKey({ adapters: ["large"] });
    expect((await call("/v1/answer", { key, body: ask })).status).toBe(404);
  });
});

describe("a token", () => {
  it("without the scope usage sees none, which would be that of all its tenant's users", async () => {
    const key = await issuerKey("ES256", "ec-2");
    vi.spyOn(globalThis, "fetch").mockImplementation(async () =>
      Response.json({ keys: [key.publicJwk] }),
    );
    const call = await deployed({
      JWT_ISSUER: tokenRules.issuer,
      JWT_AUDIENCE: tokenRules.audience,
      JWT_JWKS_URL: "https://issuer.example/usage.json",
    });
    const refused = await call("/v1/usage", { key: await token(key, { scope: "answer batch" }) });
    expect(refused.status).toBe(403);
    expect(refused.body.code).toBe("insufficient_scope");
    const reader = await token(key, { scope: "answer usage" });
    expect((await call("/v1/usage", { key: reader })).status).toBe(200);
  });

  it("of the configured issuer opens what its scopes name; a wrong one opens nothing", async () => {
    const key = await issuerKey("ES256", "ec-1");
    vi.spyOn(globalThis, "fetch").mockImplementation(async () =>
      Response.json({ keys: [key.publicJwk] }),
    );
    const call = await deployed({
      JWT_ISSUER: tokenRules.issuer,
      JWT_AUDIENCE: tokenRules.audience,
      JWT_JWKS_URL: "https://issuer.example/jwks.json",
    });
    expect((await call("/v1/models", { key: await token(key) })).status).toBe(200);
    const rerank = { query: "q", documents: ["d"] };
    const answerOnly = await token(key, { scope: "answer" });
    expect((await call("/v1/rerank", { key: answerOnly, body: rerank })).status).toBe(403);
    const expired = await token(key, { exp: claims().iat - 10 });
    const refused = await call("/v1/models", { key: expired });
    expect(refused.status).toBe(401);
    expect(JSON.stringify(refused.body)).not.toMatch(/expired|issuer|tenant/);
  });
});

describe("the admin routes", () => {
  const wish = { tenant: "clinic-z", scopes: ["answer"], quota: 3 };

  it("make, list and revoke keys", async () => {
    const call = await deployed({ ADMIN_TOKEN: adminToken });
    const made = await call("/v1/admin/keys", { key: adminToken, body: wish });
    expect(made.status).toBe(201);
    expect(made.body).toMatchObject({ ...wish, adapters: null, revoked: null });
    expect((await call("/v1/models", { key: made.body.key })).status).toBe(200);
    const listed = await call("/v1/admin/keys?limit=500", { key: adminToken });
    const found = listed.body.data.find((one: { id: string }) => one.id === made.body.id);
    expect(found).toMatchObject({ tenant: "clinic-z" });
    expect(JSON.stringify(listed.body)).not.toMatch(/hash|ma_/);
    const path = `/v1/admin/keys/${made.body.id}`;
    const revoked = await call(path, { key: adminToken, method: "DELETE" });
    expect(revoked.body.revoked).toMatch(/^\d{4}-/);
    // Another isolate has never seen it: refused at once there, within 60 s everywhere (identify.workerd.test.ts).
    expect((await (await isolate())("/v1/models", { key: made.body.key })).status).toBe(401);
    const never = { key: adminToken, method: "DELETE" };
    expect((await call("/v1/admin/keys/0123456789abcdef", never)).status).toBe(404);
  });

  it("bind a key to LLMs and to money, and refuse what is none", async () => {
    const call = await deployed({ ADMIN_TOKEN: adminToken });
    const make = (bounds: object) =>
      call("/v1/admin/keys", { key: adminToken, body: { ...wish, ...bounds } });
    const bounds = { llms: ["region:eu"], forbid_llms: ["strong"], spend_day: "2.50" };
    const made = await make({ ...bounds, spend_month: 40.5 });
    expect(made.body).toMatchObject({ ...bounds, spend_month: "40.5" });
    const free = { llms: null, forbid_llms: [], spend_day: null, spend_month: null };
    expect((await make({})).body).toMatchObject(free);
    expect((await make({ llms: null, spend_day: null })).body).toMatchObject(free);
    for (const [odd, field] of [
      [{ spend_day: "-1" }, "spend_day"],
      [{ spend_month: "1e3" }, "spend_month"],
      [{ spend_day: 0.1234567 }, "spend_day"],
      [{ llms: [] }, "llms"],
      [{ forbid_llms: ["two words"] }, "forbid_llms[0]"],
    ] as const) {
      const { status, body } = await make(odd);
      expect([status, body.errors[0].field]).toEqual([400, field]);
    }
  });

  it("list keys a page at a time, each once", async () => {
    const call = await deployed({ ADMIN_TOKEN: adminToken });
    const made = new Set<string>();
    for (let i = 0; i < 5; i += 1) made.add((await newKey()).id);
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const after: string = cursor === null ? "" : `&cursor=${encodeURIComponent(cursor)}`;
      const { status, body } = await call(`/v1/admin/keys?limit=2${after}`, { key: adminToken });
      expect(status).toBe(200);
      expect(body.data.length).toBeLessThanOrEqual(2);
      seen.push(...body.data.map(({ id }: { id: string }) => id));
      cursor = body.next_cursor;
    } while (cursor !== null);
    expect(new Set(seen).size).toBe(seen.length);
    for (const id of made) expect(seen).toContain(id);
    for (const query of ["limit=0", "limit=501", "cursor="]) {
      expect((await call(`/v1/admin/keys?${query}`, { key: adminToken })).status).toBe(400);
    }
  });

  it("are closed to everyone else, and are not there without a secret", async () => {
    const call = await deployed({ ADMIN_TOKEN: adminToken });
    const { key } = await newKey();
    for (const wrong of [key, `${adminToken}!`, "x"]) {
      expect((await call("/v1/admin/keys", { key: wrong })).status).toBe(401);
      expect((await call("/v1/admin/keys", { key: wrong, body: wish })).status).toBe(401);
    }
    expect((await call("/v1/admin/keys")).status).toBe(401);
    expect((await (await deployed())("/v1/admin/keys", { key: adminToken })).status).toBe(404);
  });

  it("refuse wishes that make no sense", async () => {
    const call = await deployed({ ADMIN_TOKEN: adminToken });
    for (const changes of [{ tenant: "A B" }, { scopes: [] }, { scopes: ["all"] }, { quota: -1 }]) {
      const body = { ...wish, ...changes };
      expect((await call("/v1/admin/keys", { key: adminToken, body })).status).toBe(400);
    }
  });
});

describe("a page in a browser", () => {
  const preflight = (origin: string) => ({
    method: "OPTIONS",
    headers: {
      origin,
      "access-control-request-method": "POST",
      "access-control-request-headers": "authorization,content-type,x-stainless-os",
    },
  });

  it("may call from configured origins only, without a key in the preflight", async () => {
    const call = await deployed({ CORS_ORIGINS: "https://app.example, http://localhost:3000" });
    const allowed = await call("/v1/answer", preflight("https://app.example"));
    expect(allowed.status).toBe(204);
    expect(allowed.headers.get("access-control-allow-origin")).toBe("https://app.example");
    expect(allowed.headers.get("access-control-allow-headers")).toContain("x-stainless-os");
    expect(allowed.headers.get("access-control-allow-credentials")).toBeNull();
    for (const origin of ["https://evil.example", "https://app.example.evil", "null"]) {
      const refused = await call("/v1/answer", preflight(origin));
      expect(refused.headers.get("access-control-allow-origin")).toBeNull();
    }
    const { key } = await newKey();
    const headers = { origin: "https://app.example" };
    const answered = await call("/v1/models", { key, headers });
    expect(answered.headers.get("access-control-allow-origin")).toBe("https://app.example");
    expect(answered.headers.get("access-control-expose-headers")).toContain("x-request-id");
  });

  it("gets security headers and no cookie with every answer", async () => {
    const call = await deployed();
    for (const path of ["/healthz", "/v1/models", "/nothing"]) {
      const { headers } = await call(path);
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      expect(headers.get("strict-transport-security")).toMatch(/max-age=/);
      expect(headers.get("set-cookie")).toBeNull();
    }
  });
});

describe("a configuration of access with faults", () => {
  it.each([
    ["ADMIN_TOKEN", "short"],
    ["CONTENT_SECRET", "short"],
    ["OPEN_ON_LOCALHOST", "yes"],
    ["ADAPTER_TENANTS", "{"],
    ["ADAPTER_TENANTS", '{"mini": "clinic-a"}'],
    ["CORS_ORIGINS", "https://app.example/path"],
    ["JWT_ISSUER", "https://issuer.example"],
    ["LEDGER_JURISDICTION", "mars"],
    ["USER_SPEND_DAY", "a lot"],
    ["USER_SPEND_MONTH", "0.0000001"],
    ["JWT_LLMS_CLAIM", "llms"],
  ])("%s = %s refuses all calls and is named", async (name, value) => {
    const call = await deployed({ [name]: value });
    expect((await call("/v1/models")).status).toBe(500);
    expect(JSON.stringify((await call("/readyz")).body.configuration)).toContain(name);
  });
});
