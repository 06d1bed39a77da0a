/** Inventory: every route is described, and every described one is closed, but for those that are meant to be open. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createApp } from "../../../src/worker/app.ts";
import { deployed, newKey } from "../access/worker.ts";
import { type DescribedRoute, described } from "./routes.ts";

const adminToken = "an-admin-token-of-32-characters-or-more";
const secret = "a content secret of 32 characters";
/** No key is needed. The description itself is not in the description. */
const OPEN = ["GET /healthz", "GET /readyz"];
const UNDESCRIBED = ["GET /openapi.json"];
/** A key without any special scope may ask these. */
const ANY_KEY = ["GET /v1/adapters", "GET /v1/models", "GET /v1/usage"];

beforeEach(() => {
  vi.spyOn(console, "log").mockImplementation(() => {});
});
afterEach(() => {
  vi.restoreAllMocks();
});

const nameOf = ({ method, path }: DescribedRoute) => `${method} ${path}`;
const concrete = (path: string) => path.replace(/\{\w+\}/g, `batch_${"0".repeat(32)}`);

/** Statuses of all described routes for a caller. */
async function statuses(
  routes: readonly DescribedRoute[],
  key: string | undefined,
): Promise<Map<string, number>> {
  const call = await deployed({ ADMIN_TOKEN: adminToken, CONTENT_SECRET: secret });
  const found = new Map<string, number>();
  for (const route of routes) {
    const { method, path } = route;
    const body = method === "POST" ? {} : undefined;
    const options = { method, body, ...(key === undefined ? {} : { key }) };
    found.set(nameOf(route), (await call(concrete(path), options)).status);
  }
  return found;
}

describe("the table of routes", () => {
  it("and /openapi.json name the same ones", async () => {
    const { routes } = await described();
    const app = createApp(() => ({ ok: false, faults: [] }));
    const registered = app.routes
      .filter(({ method, path }) => method !== "ALL" && !path.includes("*"))
      .map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, "{$1}")}`);
    expect([...new Set(registered)].toSorted()).toEqual(
      [...routes.map(nameOf), ...UNDESCRIBED].toSorted(),
    );
  });

  it("is closed without a key, but for the probes and the description", async () => {
    const { routes } = await described();
    for (const key of [undefined, `ma_${"0".repeat(16)}_${"A".repeat(43)}`, "sk-other"]) {
      const found = await statuses(routes, key);
      const open = [...found].filter(([, status]) => status !== 401).map(([name]) => name);
      expect(open.toSorted()).toEqual(OPEN);
    }
  });

  it("is closed to a key without the scope, and the admin's to every key", async () => {
    const { routes } = await described();
    const { key } = await newKey({ scopes: ["usage"] });
    for (const [name, status] of await statuses(routes, key)) {
      const admin = name.includes(" /v1/admin/");
      if (OPEN.includes(name)) expect([name, status < 400 || status === 503]).toEqual([name, true]);
      else if (ANY_KEY.includes(name)) expect([name, status]).toEqual([name, 200]);
      else expect([name, status]).toEqual([name, admin ? 401 : 403]);
    }
  });
});
