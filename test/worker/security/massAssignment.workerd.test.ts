/** Fields that would make a caller somebody else, or the service something else: refused, or without any effect. */
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { allScopes } from "../../../src/worker/features.ts";
import { fakeLlm, newKey } from "../access/worker.ts";
import { type Deployed, keepingWorker } from "../keepingWorker.ts";
import { extras } from "./hostile.ts";
import { type DescribedRoute, described } from "./routes.ts";

const ask = { question: "Is water wet?", options: { yes: "yes", no: "no" }, k: 2 };

const admin = "an-admin-token-of-32-characters-or-more";
let worker: Deployed;
let routes: readonly DescribedRoute[];

beforeAll(async () => {
  // Before the Worker is made: what answers here would be it, with other variables.
  ({ routes } = await described());
  worker = await keepingWorker({ ADMIN_TOKEN: admin });
});
beforeEach(() => {
  vi.spyOn(console, "log").mockImplementation(() => {});
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** What the LLM was asked: URLs and bodies. */
const asked = () =>
  vi.mocked(globalThis.fetch).mock.calls.map(([url, init]) => `${url} ${init?.body}`);

describe("a field that nobody described", () => {
  it.each(extras)("%s: is refused by name where bodies are ours", async (field, value) => {
    const llm = fakeLlm();
    const { key } = await newKey({ scopes: [...allScopes.known] });
    const bodies: [string, object, string][] = [
      ["/v1/answer", { ...ask, [field]: value }, field],
      ["/v1/feedback", { id: "req_1", correct: true, [field]: value }, field],
      [
        "/v1/chat/completions",
        {
          model: "replay",
          messages: [{ role: "user", content: "Is water wet?" }],
          medadapter: { [field]: value },
        },
        `medadapter.${field}`,
      ],
    ];
    for (const [path, body, named] of bodies) {
      if (!routes.some((route) => route.path === path)) continue; // a feature that was taken out
      const { status, body: problem } = await worker.post(key, path, body);
      expect([path, status, problem.errors[0].field]).toEqual([path, 400, named]);
    }
    expect(llm.requests).toBe(0);
  });

  it("has no effect where bodies are OpenAI's, which knows more fields than we do", async () => {
    fakeLlm();
    const { key, id } = await newKey({ scopes: ["answer", "usage"] });
    const body = {
      ...Object.fromEntries(extras),
      model: "replay",
      messages: [
        { role: "user", content: "Is water wet? A. yes\nB. no", ...Object.fromEntries(extras) },
      ],
      medadapter: { k: 2 },
    };
    const answered = await worker.post(key, "/v1/chat/completions", body);
    expect(answered.status).toBe(200);
    for (const one of asked()) {
      expect(one).toMatch(/^http:\/\/127\.0\.0\.1:8788\/v1\/chat\/completions /);
      for (const word of ["evil", "sk-other", "tenant", "scopes", "trusted"]) {
        expect(one).not.toContain(word);
      }
    }
    const usage = await worker.send(key, "/v1/usage?group_by=key");
    expect(usage.body.data).toMatchObject([{ key: id, requests: 1 }]);
  });

  it("of an object's prototype changes nothing", async () => {
    fakeLlm();
    const { key } = await newKey({ scopes: ["answer"] });
    const body = `{"question": "Is water wet?", "options": {"yes": "yes", "no": "no"}, "k": 1,
      "__proto__": {"scopes": ["feedback:export"], "store": true}}`;
    const headers = { "content-type": "application/json" };
    const answered = await worker.send(key, "/v1/answer", { method: "POST", headers, body });
    expect([200, 400]).toContain(answered.status);
    expect(answered.text).not.toContain('"stored"');
    expect((await worker.send(key, "/v1/feedback/export")).status).toBe(403);
  });
});

describe("a key's record", () => {
  it.each(["id", "hash", "created", "revoked", "schema"])(
    "%s cannot be wished for",
    async (field) => {
      const wish = { tenant: "clinic-a", scopes: ["answer"], [field]: "0".repeat(64) };
      const { status, body } = await worker.post(admin, "/v1/admin/keys", wish);
      expect([status, body.errors[0].field]).toEqual([400, field]);
    },
  );
});
