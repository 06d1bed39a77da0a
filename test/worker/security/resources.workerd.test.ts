/** Requests that would cost more than they should: refused by size, depth or number, on every route that has a body. */
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { newKey } from "../access/worker.ts";
import { type Deployed, keepingWorker } from "../keepingWorker.ts";
import { type DescribedRoute, described } from "./routes.ts";

const admin = "an-admin-token-of-32-characters-or-more";
const MIB = 1024 * 1024;
let routes: readonly DescribedRoute[];
let worker: Deployed;

beforeAll(async () => {
  ({ routes } = await described());
  worker = await keepingWorker({ ADMIN_TOKEN: admin });
});
beforeEach(() => {
  vi.spyOn(console, "log").mockImplementation(() => {});
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** Posts text as JSON to every route that takes JSON; statuses by route. */
async function posted(body: string): Promise<Record<string, number>> {
  const { key } = await newKey({ scopes: ["answer", "rerank"] });
  const found: Record<string, number> = {};
  for (const { method, path, bodies } of routes) {
    if (!("application/json" in bodies)) continue;
    const headers = { "content-type": "application/json" };
    const whose = path.startsWith("/v1/admin/") ? admin : key;
    const { status } = await worker.send(whose, path, { method, headers, body });
    found[path] = status;
  }
  return found;
}

/** The same status of every route that takes JSON: those that are always there are among them. */
const every = (status: number) => {
  const json = routes.filter(({ bodies }) => "application/json" in bodies);
  const paths = json.map(({ path }) => path);
  const always = ["/v1/admin/keys", "/v1/answer", "/v1/chat/completions", "/v1/rerank"];
  expect(paths).toEqual(expect.arrayContaining(always));
  return Object.fromEntries(paths.map((path) => [path, status]));
};

describe("every route with a JSON body", () => {
  it("refuses one over 1 MiB", async () => {
    expect(await posted(JSON.stringify({ question: "x".repeat(MIB) }))).toEqual(every(413));
  });

  it("refuses one that is a hundred thousand lists deep", async () => {
    const deep = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;
    expect(await posted(deep)).toEqual(every(400));
    expect(await posted(`{"question": ${deep}, "query": ${deep}}`)).toEqual(every(400));
  });
});
