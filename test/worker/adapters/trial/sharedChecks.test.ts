/**
 * Requests that come while another request checks the pointers. No promise goes from one to the other, or the runtime
 * would warn of it, and at times drop a request's last work ("Promise will never complete").
 */
import { join } from "node:path";
import { build } from "esbuild";
import { Miniflare } from "miniflare";
import { afterAll, beforeAll, expect, it } from "vitest";
import { pause } from "../../../../src/net/sharedWork.ts";
import { CHECK_MS, isolate } from "./sharedChecksIsolate.ts";

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

afterAll(() => miniflare.dispose());

/** Whether all of it ends, within a turn of the event loop. */
const settled = (work: readonly Promise<unknown>[]) =>
  Promise.race([Promise.all(work).then(() => true), pause(50).then(() => false)]);

const get = async (path: string) => (await fetch(new URL(path, url))).text();

it.each([
  ["has a ranker, and ends before that check", "/source"],
  ["waits for its end", "/probe"],
])(
  "in real workerd a request that %s leaves the runtime nothing to complain of",
  async (_, path) => {
    await get("/probe");
    printed.length = 0;
    expect(await Promise.all([path, path, path].map(get))).toEqual(Array(3).fill("1.0.0"));
    await pause(2 * CHECK_MS);
    expect(printed).toEqual([]);
  },
);

it("an answer's background work ends although another request's check never does", async () => {
  const { answered, checks } = isolate(() => new Promise(() => {}));
  const first = answered();
  const second = answered();
  expect(checks()).toBe(1);
  expect(await settled(second)).toBe(true);
  expect(await settled(first)).toBe(false);
});
