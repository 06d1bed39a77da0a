/** `/openapi.json` says which routes know an Idempotency-Key, and with which headers they answer. */
import { describe, expect, it } from "vitest";
import { send } from "../client.ts";

const COUNTED = [
  "/v1/answer",
  "/v1/chat/completions",
  "/v1/responses",
  "/v1/rerank",
  "/v2/rerank",
  "/rerank",
];
/** Its answer holds a secret that is shown once, so it is not kept for a retry. */
const WITHOUT_KEY = "/v1/admin/keys";
const LIMITS = ["limit", "remaining", "reset"].map((name) => `x-ratelimit-${name}-requests`);

async function routes() {
  // biome-ignore lint/suspicious/noExplicitAny: a document, looked at member by member
  const { paths } = (await (await send("/openapi.json")).json()) as any;
  // biome-ignore lint/suspicious/noExplicitAny: likewise
  return Object.entries<any>(paths).flatMap(([path, methods]) =>
    // biome-ignore lint/suspicious/noExplicitAny: likewise
    Object.entries<any>(methods).map(([method, route]) => {
      // biome-ignore lint/suspicious/noExplicitAny: likewise
      const sent = Object.entries<any>(route.responses).map(
        ([status, { headers = {} }]) => [status, Object.keys(headers)] as const,
      );
      const asked: { name: string; in: string }[] = route.parameters ?? [];
      const headers = asked.flatMap((one) => (one.in === "header" ? [one.name] : []));
      return { method, path, headers, sent: new Map(sent) };
    }),
  );
}

describe("the headers in /openapi.json", () => {
  it("Idempotency-Key is of all POST routes but the admin's", async () => {
    const all = await routes();
    const taking = all.filter(({ headers }) => headers.includes("Idempotency-Key"));
    const posts = all.filter(({ method, path }) => method === "post" && path !== WITHOUT_KEY);
    expect(taking).toEqual(posts);
    expect(taking.map(({ path }) => path)).toEqual(expect.arrayContaining(COUNTED));
    for (const { sent } of taking) {
      expect(sent.get("200")).toContain("idempotent-replayed");
      for (const status of ["409", "422"]) expect([...sent.keys()]).toContain(status);
    }
  });

  it("quotas are told where requests are counted, and Retry-After where one may come again", async () => {
    for (const { path, sent } of await routes()) {
      const told = (sent.get("200") ?? []).filter((name) => LIMITS.includes(name));
      expect([path, told]).toEqual([path, COUNTED.includes(path) ? LIMITS : []]);
      if (path === "/readyz") continue; // a probe's 503 is no problem
      for (const status of ["409", "429", "503"]) {
        if (sent.has(status))
          expect([path, status, sent.get(status)?.[0]]).toContain("Retry-After");
      }
    }
  });

  it("a key that cannot be one is refused by name, as before", async () => {
    const headers = { "content-type": "application/json", "idempotency-key": "x".repeat(256) };
    const body = JSON.stringify({ question: "Is it?" });
    const refused = await send("/v1/answer", { method: "POST", headers, body });
    expect(refused.status).toBe(400);
    const { errors } = (await refused.json()) as { errors: unknown[] };
    expect(errors).toEqual([
      { field: "Idempotency-Key", reason: "must be 1 to 255 ASCII characters" },
    ]);
  });
});
