/**
 * Requests that share places in real workerd: one that waits for another is not taken for hung, and one
 * whose code just stops (its client left: no `finally` runs) does not keep its place for ever.
 */
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { unstable_startWorker } from "wrangler";

type Worker = Awaited<ReturnType<typeof unstable_startWorker>>;
let worker: Worker;
let url: URL;

beforeAll(async () => {
  process.env.CLOUDFLARE_CF_FETCH_ENABLED = "false";
  worker = await unstable_startWorker({
    config: fileURLToPath(new URL("./lifetimes/wrangler.toml", import.meta.url)),
    dev: { watch: false, inspector: false, logLevel: "none", server: { port: 0 } },
  });
  await worker.ready;
  url = await worker.url;
});

afterAll(() => worker.dispose());

const hold = (ms: number) => fetch(new URL(`/hold?ms=${ms}`, url));

async function state(): Promise<{ held: number; waiting: number }> {
  return (await fetch(new URL("/state", url))).json() as Promise<{ held: number; waiting: number }>;
}

async function waitedMs(response: Response): Promise<number> {
  expect(response.status).toBe(200);
  return ((await response.json()) as { waitedMs: number }).waitedMs;
}

test("a request waits seconds for another's place and then gets it", async () => {
  const first = hold(2500);
  await expect.poll(state, { timeout: 20_000, interval: 20 }).toEqual({ held: 1, waiting: 0 });
  const second = await hold(0);
  expect(await waitedMs(second)).toBeGreaterThan(1000);
  expect(await waitedMs(await first)).toBeLessThan(1000);
});

test("requests that vanished, from the place and from the line, make way for the next", async () => {
  // The dev server does not tell a silent Worker that a client left; a request that has answered is as gone.
  await fetch(new URL("/vanish", url));
  await fetch(new URL("/vanish", url));
  expect(await state()).toEqual({ held: 1, waiting: 1 });
  const waited = await waitedMs(await hold(0));
  expect(waited).toBeGreaterThan(1000);
  expect(waited).toBeLessThan(20_000);
  expect(await state()).toEqual({ held: 0, waiting: 0 });
});
