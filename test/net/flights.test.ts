/**
 * Shared work in real workerd, where a request that is cancelled just stops: its promises never settle. Those who wait
 * for its work must get an answer all the same, and the runtime must find nothing to complain of.
 */
import { once } from "node:events";
import { get, type IncomingMessage } from "node:http";
import { join } from "node:path";
import { build } from "esbuild";
import { Miniflare } from "miniflare";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";

let miniflare: Miniflare;
let url: URL;
/** Whatever the runtime or the Worker printed. */
const printed: string[] = [];

beforeAll(async () => {
  const built = await build({
    entryPoints: [join(import.meta.dirname, "flightWorker.ts")],
    bundle: true,
    format: "esm",
    target: "es2024",
    write: false,
    logLevel: "silent",
  });
  const contents = built.outputFiles[0]?.text ?? "";
  const modules = { "index.js": { type: "esm" as const, contents } };
  miniflare = new Miniflare({
    handleStructuredLogs: ({ message }) => printed.push(message),
    handleUncaughtError: ({ message }) => printed.push(message),
    workers: [
      {
        config: {
          name: "flights",
          compatibilityDate: "2026-10-20",
          compatibilityFlags: ["enable_request_signal"],
          manifest: { mainModule: "index.js", modules, modulesRoot: "/" },
        },
      },
    ],
  });
  url = await miniflare.ready;
});

afterAll(() => miniflare.dispose());

beforeEach(async () => {
  await fetch(new URL("/forget", url));
  printed.length = 0;
});

async function take(): Promise<unknown> {
  const response = await fetch(new URL("/take", url), { signal: AbortSignal.timeout(15_000) });
  return response.status === 200 ? response.json() : response.text();
}

async function state(): Promise<{ begun: number; underWay: boolean }> {
  return (await fetch(new URL("/state", url))).json() as Promise<{
    begun: number;
    underWay: boolean;
  }>;
}

/** A request that begins the work; the function that comes back ends its connection. */
async function begin(kept: "yes" | "no"): Promise<() => void> {
  const asked = get(new URL(`/begin?kept=${kept}`, url));
  asked.on("error", () => {});
  const [response] = (await once(asked, "response")) as [IncomingMessage];
  response.on("error", () => {});
  expect(response.statusCode).toBe(200);
  await once(response, "data");
  return () => asked.destroy();
}

test("work that its request gave to waitUntil goes on when the client leaves: others get its value", async () => {
  const { begun } = await state();
  const leave = await begin("yes");
  const waiters = Promise.all([take(), take(), take()]);
  leave();
  expect(await waiters).toEqual(Array(3).fill({ value: begun + 1 }));
  expect(await state()).toEqual({ begun: begun + 1, underWay: false });
  expect(printed).toEqual([]);
});

test("work that stopped with its request is begun again by one of those who wait, and nobody hangs", async () => {
  const { begun } = await state();
  const leave = await begin("no");
  const waiters = Promise.all([take(), take(), take()]);
  leave();
  expect(await waiters).toEqual(Array(3).fill({ value: begun + 2 }));
  expect(await state()).toEqual({ begun: begun + 2, underWay: false });
  expect(printed).toEqual([]);
});
