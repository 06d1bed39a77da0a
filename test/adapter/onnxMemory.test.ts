/**
 * ONNX Runtime whose heap does not grow, under a host: the question that it has no room for goes by vote, the next one
 * is scored by another session. Each time it leaves memory taken for good, so that in the end none can be started.
 */

import { afterAll, expect, it } from "vitest";
import type { BundleStore } from "../../src/adapter/bundle.ts";
import { bundleFolder } from "../../src/adapter/bundleStore.node.ts";
import { startEngine } from "../../src/adapter/engines/onnx/engine.node.ts";
import { EngineChoice } from "../../src/worker/adapters/engines.ts";
import { AdapterHost } from "../../src/worker/adapters/host.ts";
import { type LoadRanker, RankerShelf } from "../../src/worker/adapters/shelf.ts";
import { bundlePath } from "./paths.node.ts";
import { manifestOf, readAll } from "./suites/bundleEdits.ts";

/** Room for the shipped adapter's self-test (605) and not for its longest texts (818). Pages of 64 KiB. */
const PAGES = 800;

const { Memory } = WebAssembly;

class Limited extends Memory {
  constructor(wanted: WebAssembly.MemoryDescriptor) {
    super({ ...wanted, maximum: PAGES });
  }
}
Reflect.set(WebAssembly, "Memory", Limited);
afterAll(() => {
  Reflect.set(WebAssembly, "Memory", Memory);
});

async function serving() {
  const files = bundleFolder(bundlePath);
  const { name: adapter, version } = manifestOf(await readAll(files));
  const pointer = { schema: 1, adapter, version, serial: 1, share: 1 };
  const text = JSON.stringify({ ...pointer, updatedAt: "2026-11-23T00:00:00Z" });
  const bytes = new TextEncoder().encode(text);
  const kind = { name: "ort-web", roles: ["onnx"], start: startEngine } as const;
  const choice = new EngineChoice([kind], null);
  const store: BundleStore = {
    pointer: async (_, __, known) =>
      known === "1" ? { kind: "unchanged" } : { kind: "found", bytes, etag: "1" },
    open: () => files,
  };
  const load: LoadRanker = (bundle, expected) => choice.load(bundle, expected);
  const host = new AdapterHost({
    store,
    shelf: new RankerShelf({ store, adapter, load, heapBytes: 200_000_000 }),
    adapter,
    intervalMs: 0,
    signedBy: null,
    onChange: () => {},
  });
  const refresh = () => host.begin(() => {})();
  await refresh();
  return { host, refresh, version };
}

/** Scores a candidate, short or as long as can be, on such a question. */
async function asked(host: AdapterHost, words: number) {
  const context = words === 0 ? null : "zinc ".repeat(words);
  const question = { question: "Is zinc blue?", options: [], context };
  const opened = host.current()?.ranker.open(question, new AbortController().signal);
  if (!opened?.ok) throw new Error("not opened");
  const score = await opened.value.score({ answer: null, text: `It is. ${context}` });
  opened.value.close();
  return score.ok ? "scored" : score.failure;
}

it("is loaded again, as long as that goes, and then gives up by name", async () => {
  const { host, refresh, version } = await serving();
  expect(await asked(host, 0)).toBe("scored");
  const trap = { kind: "engine_failed", reason: "trap" };
  let times = 0;
  for (; host.current() !== null && times < 20; times += 1) {
    expect(await asked(host, 400)).toEqual(trap);
    const refreshing = refresh();
    expect(host.status()).toMatchObject({ ranker: null, fault: { ...trap, version } });
    await refreshing;
    if (times === 0) {
      expect(host.status()).toMatchObject({ version, fault: null });
      expect(await asked(host, 0)).toBe("scored");
    }
  }
  expect(times).toBeLessThan(20);
  expect(host.status()).toMatchObject({ ranker: null, fault: { kind: "engine_failed", version } });
});
