/**
 * No request chooses where the Worker calls: a URL in every text of every described body, parameter and header, and in
 * fields that other services take for one; seen by the fetch that the Worker has.
 */
import fc from "fast-check";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { allScopes } from "../../../src/worker/features.ts";
import { claims, forged, tokenRules } from "../access/tokens.ts";
import { fakeLlm, newKey } from "../access/worker.ts";
import { keepingWorker } from "../keepingWorker.ts";
import { fromSchema } from "./fromSchema.ts";
import { fields, hostile, known } from "./hostile.ts";
import { described } from "./routes.ts";

const LLM = "http://127.0.0.1:8788/v1/chat/completions";
const JWKS = "https://issuer.example/jwks.json";
const RUNS = 600;

const headers = fc.dictionary(
  fc.constantFrom(
    ..."x-forwarded-host x-forwarded-for forwarded x-original-url x-rewrite-url origin referer".split(
      " ",
    ),
    ..."x-base-url idempotency-key openai-organization cf-connecting-ip traceparent".split(" "),
  ),
  hostile,
  { maxKeys: 3 },
);

beforeEach(() => {
  vi.spyOn(console, "log").mockImplementation(() => {});
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** Everything that the Worker fetched. */
const fetched = () =>
  vi
    .mocked(globalThis.fetch)
    .mock.calls.map(([target]) => (target instanceof Request ? target.url : String(target)));

it("only the configured LLM and the configured issuer are ever called", async () => {
  // Before the Worker is made: what answers here would be it, with other variables.
  const { routes, schemas } = await described();
  fakeLlm();
  const worker = await keepingWorker({
    JWT_ISSUER: tokenRules.issuer,
    JWT_AUDIENCE: tokenRules.audience,
    JWT_JWKS_URL: JWKS,
  });
  const filling = { schemas, hostile, known };
  const requests = routes.map((route) => {
    const [[type, schema] = ["", null]] = Object.entries(route.bodies);
    const inner = type === "application/json" ? schema : schemas.AnswerRequest;
    const extras = fc.dictionary(fc.constantFrom(...fields.split(" ")), hostile, { maxKeys: 2 });
    return fc.record({
      route: fc.constant(route),
      type: fc.constant(type),
      body: fromSchema(inner, filling),
      extras: fc.oneof({ weight: 2, arbitrary: fc.constant({}) }, extras),
      headers,
      parameter: hostile,
      jku: hostile,
      asToken: fc.integer({ min: 0, max: 5 }).map((at) => at === 0),
    });
  });
  const statuses = new Map<string, Set<number>>();
  const property = fc.asyncProperty(fc.oneof(...requests), async (one) => {
    const { key: apiKey } = await newKey({ scopes: [...allScopes.open] });
    const header = { alg: "RS256", kid: one.jku, jku: one.jku, x5u: one.jku, typ: "JWT" };
    const key = one.asToken ? await forged(header, claims({ iss: one.jku })) : apiKey;
    const { method, path, parameters } = one.route;
    const query = parameters
      .filter((parameter) => parameter.in === "query")
      .map(({ name }) => `${name}=${encodeURIComponent(one.parameter)}`);
    const to = `${path.replace(/\{\w+\}/g, encodeURIComponent(one.parameter))}?${query.join("&")}`;
    const body = JSON.stringify({ ...(one.body as object), ...one.extras });
    const init = {
      method,
      headers: { ...one.headers, ...(one.type === "" ? {} : { "content-type": one.type }) },
      ...(one.type === "" ? {} : { body }),
    };
    const { status } = await worker.send(key, to, init);
    const name = `${method} ${path}`;
    statuses.set(name, (statuses.get(name) ?? new Set()).add(status));
  });
  await fc.assert(property, { numRuns: RUNS, seed: 1 });

  expect(statuses.size).toBe(routes.length);
  // It would hold of a Worker that refuses everything: some of each kind went through.
  for (const name of ["POST /v1/answer", "POST /v1/chat/completions"]) {
    expect([name, statuses.get(name)?.has(200)]).toEqual([name, true]);
  }
  const calls = new Set(fetched());
  expect([...calls].toSorted()).toEqual([LLM, JWKS].toSorted());
});
