/** What a request leaves behind for those who run the service: a line, a data point, spans, times for the caller. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { figuresPoint } from "../../../src/worker/http/metrics.ts";
import { platformSpans } from "../../../src/worker/makeParts.ts";
import { fakeLlm, isolate, newKey } from "../access/worker.ts";

const ask = { question: "Is water wet?", options: { yes: "yes", no: "no" }, k: 2 };

let lines: string[] = [];

beforeEach(() => {
  lines = [];
  vi.spyOn(console, "log").mockImplementation((line) => void lines.push(String(line)));
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** A dataset that remembers what it was given. */
function dataset() {
  const points: AnalyticsEngineDataPoint[] = [];
  return {
    points,
    writeDataPoint: (point?: AnalyticsEngineDataPoint) => void points.push(point ?? {}),
  };
}

describe("a data point", () => {
  it("is written for each request, with the figures of its log line", async () => {
    fakeLlm();
    const metrics = dataset();
    const call = await isolate({ METRICS: metrics });
    const { key } = await newKey();
    await call("/v1/answer", { key, body: ask });
    await call("/v1/answer", { key, body: { question: 7 } });
    const requests = metrics.points.filter(({ indexes }) => indexes?.[0] === "/v1/answer");
    expect(requests.map(({ blobs }) => blobs)).toEqual([
      ["request", "200", "", ""],
      ["request", "400", "invalid_request", ""],
    ]);
    const [answered, refused] = requests.map(({ doubles }) => doubles ?? []);
    expect(answered?.slice(5)).toEqual([2, 2, 0, 0, 1, 0, 11, 6, 1, 0, 0, 0]);
    expect(answered?.[0]).toBeGreaterThanOrEqual(answered?.[1] ?? Number.NaN);
    expect(refused?.slice(1)).toEqual(Array(16).fill(0));
    const logged = lines.map((line) => JSON.parse(line));
    const [line] = logged.filter(({ route }) => route === "/v1/answer");
    expect(line).toMatchObject({ k: 2, candidates: 2, degraded: true, promptTokens: 11 });
  });

  it("is written for an adapter that cannot serve, and says why", async () => {
    fakeLlm();
    const metrics = dataset();
    const call = await isolate({ METRICS: metrics, ADAPTER: "nobody" });
    await call("/readyz");
    await expect
      .poll(() => metrics.points.find(({ indexes }) => indexes?.[0] === "adapter")?.blobs)
      .toEqual(["adapter", "", "pointer_absent", "stable"]);
  });

  it("fits what Analytics Engine takes: one index, 20 blobs, 20 doubles", () => {
    const point = figuresPoint("request", "/v1/answer", { status: 200, ms: 5 });
    expect(point.indexes).toEqual(["/v1/answer"]);
    expect(point.blobs?.length).toBeLessThanOrEqual(20);
    expect(point.doubles?.length).toBe(17);
  });
});

describe("Server-Timing", () => {
  it("tells a caller what the answer waited for; a refusal has none", async () => {
    fakeLlm();
    const call = await isolate();
    const { key } = await newKey();
    const { headers, body } = await call("/v1/answer", { key, body: ask });
    const timing = headers.get("server-timing") ?? "";
    expect(timing).toMatch(/^llm;dur=[\d.]+;desc="[^"]+", score;dur=0;desc="[^"]+", after;dur=/);
    expect(Number(/llm;dur=([\d.]+)/.exec(timing)?.[1])).toBe(body.timing.llm_ms);
    const refused = await call("/v1/answer", { key, body: { question: 7 } });
    expect(refused.headers.get("server-timing")).toBeNull();
  });
});

describe("spans", () => {
  it("are taken by the platform's tracing", () => {
    for (const name of ["generate", "prefix", "score", "select"] as const) {
      platformSpans(name).end({ tokens: 1, failed: false });
    }
  });
});
