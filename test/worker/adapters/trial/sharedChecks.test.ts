/**
 * Requests in real workerd that come while another request checks the pointers: each goes on by itself. A request that
 * gave another's promise to its own `waitUntil` made the runtime report "Promise will never complete".
 */
import { join } from "node:path";
import { build } from "esbuild";
import { Miniflare } from "miniflare";
import { afterAll, beforeAll, expect, test } from "vitest";

let miniflare: Miniflare;
let url: URL;
/** Whatever the runtime or the Worker printed. */
const printed: string[] = [];

beforeAll(async () => {
  const built = await build({
    entryPoints: [join(import.meta.dirname, "sharedChecksWorker.ts")],
    bundle: true,
    format: "esm",
    target: "es2024",
    write: false,
    logLevel: "silent",
  });
  const contents = built.outputFiles[0]?.text ?? "";
  const modules = { "index.js": { type: "esm" as const, contents } };
  process.env.MINIFLARE_WORKERD_V8_FLAGS = "--expose-gc";
  miniflare = new Miniflare({
    handleStructuredLogs: ({ message }) => printed.push(message),
    handleUncaughtError: ({ message }) => printed.push(message),
    workers: [
      {
        config: {
          name: "shared-checks",
          compatibilityDate: "2026-10-20",
          compatibilityFlags: ["enable_request_signal"],
          manifest: { mainModule: "index.js", modules, modulesRoot: "/" },
        },
      },
    ],
  });
  url = await miniflare.ready;
});

afterAll(async () => {
  delete process.env.MINIFLARE_WORKERD_V8_FLAGS;
  await miniflare.dispose();
});

const get = async (path: string) => (await fetch(new URL(path, url))).text();

test.each([
  ["have been answered, and end before that check", "/answered"],
  ["have a ranker, and need no check", "/source"],
  ["wait for it to its end", "/probe"],
])("requests that %s", async (_, path) => {
  await get("/probe");
  printed.length = 0;
  expect(await Promise.all([path, path, path].map(get))).toEqual(Array(3).fill("1.0.0"));
  // Until the check has ended, and the promises that nobody holds any more are collected.
  await new Promise((resolve) => setTimeout(resolve, 800));
  expect(await get("/collect")).toBe("collected");
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(printed).toEqual([]);
});
