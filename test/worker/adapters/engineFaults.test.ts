/**
 * An engine that traps, runs out of memory or gives no number while it serves: real WebAssembly, real weights. The
 * question under way goes without scores; the version is restarted and scores as before.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import type { BundleStore, PointerObject } from "../../../src/adapter/bundle.ts";
import { bundleFolder } from "../../../src/adapter/bundleStore.node.ts";
import { startOnBundle } from "../../../src/adapter/engines/simd/engine.ts";
import { compileEncoder } from "../../../src/adapter/engines/simd/load.ts";
import type { RankedQuestion } from "../../../src/adapter/ranker.ts";
import { EngineChoice } from "../../../src/worker/adapters/engines.ts";
import { AdapterHost } from "../../../src/worker/adapters/host.ts";
import { RankerShelf } from "../../../src/worker/adapters/shelf.ts";
import { type Breakable, FAULT, faultyEncoder } from "../../adapter/faultyEncoder.node.ts";
import { bundlePath } from "../../adapter/paths.node.ts";

const { version } = JSON.parse(readFileSync(join(bundlePath, "manifest.json"), "utf8"));
const INTERVAL_MS = 30_000;
const never = new AbortController().signal;

let module: WebAssembly.Module;
/** Instances of the encoder, in the order in which they were made. */
const instances: Breakable[] = [];

beforeAll(async () => {
  module = compileEncoder(await faultyEncoder());
});

const { Instance } = WebAssembly;
afterEach(() => {
  Reflect.set(WebAssembly, "Instance", Instance);
  instances.length = 0;
  vi.useRealTimers();
});

/** A host whose pointer names the shipped bundle; `store` can be changed while it serves. */
async function serving() {
  class Watched extends Instance {
    constructor(code: WebAssembly.Module, imports?: WebAssembly.Imports) {
      super(code, imports);
      instances.push(this.exports as unknown as Breakable);
    }
  }
  Reflect.set(WebAssembly, "Instance", Watched);
  vi.useFakeTimers({ toFake: ["Date"] });
  let serial = 1;
  const files = bundleFolder(bundlePath);
  const store: { -readonly [Key in keyof BundleStore]: BundleStore[Key] } = {
    pointer: async (): Promise<PointerObject> => {
      const pointer = { schema: 1, adapter: "mini", version, serial, share: 1 };
      const text = JSON.stringify({ ...pointer, updatedAt: "2026-11-23T00:00:00Z" });
      return { kind: "found", bytes: new TextEncoder().encode(text), etag: String(serial) };
    },
    open: () => files,
  };
  const start = (bundle: Parameters<typeof startOnBundle>[1]) => startOnBundle(module, bundle);
  const choice = new EngineChoice([{ name: "simd", roles: ["simd"], streams: true, start }], null);
  const told: string[] = [];
  const changing: BundleStore = {
    pointer: (...parts) => store.pointer(...parts),
    open: (...parts) => store.open(...parts),
  };
  const shelf = new RankerShelf({
    store: changing,
    adapter: "mini",
    load: (bundle, expected) => choice.load(bundle, expected),
    heapBytes: 80_000_000,
  });
  const host = new AdapterHost({
    store: changing,
    shelf,
    adapter: "mini",
    intervalMs: INTERVAL_MS,
    signedBy: null,
    onChange: (fault) => told.push(fault?.kind ?? "serving"),
  });
  const refresh = () => host.begin(() => {})();
  await refresh();
  return {
    host,
    refresh,
    store,
    told,
    publish: () => {
      serial += 1;
    },
    later: (ms: number) => vi.setSystemTime(Date.now() + ms),
  };
}

function open(host: AdapterHost, about: string): RankedQuestion {
  const options = ["yes", "no"].map((label) => ({ label, text: label }));
  const opened = host.current()?.ranker.open({ question: about, options, context: null }, never);
  if (!opened?.ok) throw new Error("not opened");
  return opened.value;
}

/** The logit of a question of its own, or why there is none. */
async function scored(host: AdapterHost, about = "Is zinc blue?") {
  const session = open(host, about);
  const result = await session.score({ answer: null, text: "It is." });
  session.close();
  return result.ok ? result.value.logit : result.failure;
}

const failed = (reason: string) => ({ kind: "engine_failed", reason });
const fault = (reason: string) => ({ ...failed(reason), version });

describe("an engine that traps", () => {
  it("serves nobody any more; the next check finds it restarted, with the same scores", async () => {
    const { host, refresh, told } = await serving();
    const before = await scored(host);
    expect(before).toBeTypeOf("number");
    instances.at(-1)?.breakNext(FAULT.trap);
    expect(await scored(host)).toEqual(failed("trap"));
    expect(host.current()).toBeNull();
    const refreshing = refresh();
    expect(host.status().fault).toEqual(fault("trap"));
    await refreshing;
    expect(instances).toHaveLength(2);
    expect(host.status()).toMatchObject({ version, fault: null });
    expect(await scored(host)).toBe(before);
    expect(told).toEqual(["serving", "engine_failed", "serving"]);
  });

  it("and traps again at once is restarted when the pointer is next checked, not before", async () => {
    const { host, refresh, later } = await serving();
    for (const made of [1, 2]) {
      expect(instances).toHaveLength(made);
      instances.at(-1)?.breakNext(FAULT.trap);
      expect(await scored(host)).toEqual(failed("trap"));
      await refresh();
    }
    expect(host.status()).toMatchObject({ ranker: null, fault: fault("trap") });
    await refresh();
    expect(instances).toHaveLength(2);
    later(INTERVAL_MS);
    await refresh();
    expect(instances).toHaveLength(3);
    expect(await scored(host)).toBeTypeOf("number");
  });

  it("while a check is under way is restarted by the next one, at once", async () => {
    const { host, refresh, store, later } = await serving();
    const slow = Promise.withResolvers<void>();
    const { pointer } = store;
    store.pointer = async (...parts) => {
      await slow.promise;
      return pointer(...parts);
    };
    later(INTERVAL_MS);
    const refreshing = refresh();
    instances.at(-1)?.breakNext(FAULT.trap);
    expect(await scored(host)).toEqual(failed("trap"));
    const same = refresh();
    expect(host.current()).toBeNull();
    slow.resolve();
    await Promise.all([refreshing, same, refresh()]);
    await refresh();
    expect(await scored(host)).toBeTypeOf("number");
  });

  it("while its store is down is restarted when that is up again", async () => {
    const { host, refresh, store, later } = await serving();
    instances.at(-1)?.breakNext(FAULT.trap);
    await scored(host);
    const { open: up } = store;
    store.open = () => ({ read: () => Promise.reject(new Error("down")) });
    await refresh();
    expect(host.status()).toMatchObject({ ranker: null, fault: fault("trap") });
    store.open = up;
    later(INTERVAL_MS);
    await refresh();
    expect(await scored(host)).toBeTypeOf("number");
  });

  it("and whose bundle has gone is given up by name, until a pointer brings one", async () => {
    const { host, refresh, store, later, publish } = await serving();
    instances.at(-1)?.breakNext(FAULT.trap);
    await scored(host);
    const { open: whole } = store;
    store.open = () => ({ read: async () => null });
    await refresh();
    const gone = { kind: "manifest_missing", version };
    expect(host.status()).toMatchObject({ ranker: null, fault: gone });
    store.open = whole;
    publish();
    later(INTERVAL_MS);
    await refresh();
    expect(host.status()).toMatchObject({ serial: 2, fault: null });
    expect(await scored(host)).toBeTypeOf("number");
  });
});

describe("an engine that gives no number", () => {
  it("goes on with other questions until it is restarted", async () => {
    const { host, refresh } = await serving();
    const before = await scored(host);
    instances.at(-1)?.breakNext(FAULT.notFinite);
    expect(await scored(host)).toEqual(failed("not_finite"));
    const refreshing = refresh();
    expect(host.status()).toMatchObject({ version, fault: fault("not_finite") });
    expect(await scored(host)).toBe(before);
    await refreshing;
    expect(instances).toHaveLength(2);
    expect(host.status().fault).toBeNull();
    expect(await scored(host)).toBe(before);
  });
});

describe("an engine whose memory does not grow", () => {
  it("fails the question that it has no room for, not the one that it holds, and has room afresh", async () => {
    const { host, refresh } = await serving();
    const held = open(host, "Is iron blue?");
    expect((await held.ready).ok).toBe(true);
    expect(await scored(host)).toEqual(failed("out_of_memory"));
    expect((await held.score({ answer: null, text: "It is." })).ok).toBe(true);
    await refresh();
    expect(instances).toHaveLength(2);
    expect(host.status().fault).toBeNull();
    expect(await scored(host)).toBeTypeOf("number");
    expect((await held.score({ answer: null, text: "It is not." })).ok).toBe(true);
    held.close();
  });

  it("gives a question the room of those that it keeps for nobody", async () => {
    const { host } = await serving();
    const options = ["yes", "no"].map((label) => ({ label, text: label }));
    for (const question of ["Is iron blue?", "Is zinc blue?"]) {
      const opened = host
        .current()
        ?.ranker.open({ question, options, context: null }, never, "a tenant");
      if (!opened?.ok) throw new Error("not opened");
      expect(await opened.value.ready).toEqual({ ok: true });
      opened.value.close();
    }
    expect(instances).toHaveLength(1);
    expect(host.current()?.ranker.fault()).toBeNull();
  });
});
