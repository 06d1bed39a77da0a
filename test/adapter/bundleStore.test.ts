/** The folder and the memory store behave alike, as R2 does: absent, found, unchanged. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { BundleStore } from "../../src/adapter/bundle.ts";
import { folderBundleStore } from "../../src/adapter/bundleStore.node.ts";
import { memoryBundleStore } from "./memoryBundleStore.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
let folder = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "bundles-"));
});

afterAll(() => rm(folder, { recursive: true }));

interface Place {
  readonly store: BundleStore;
  put(key: string, text: string): Promise<void>;
}

const places: Readonly<Record<string, () => Place>> = {
  folder: () => ({
    store: folderBundleStore(folder),
    async put(key, text) {
      await mkdir(join(folder, key, ".."), { recursive: true });
      await writeFile(join(folder, key), text);
    },
  }),
  memory: () => {
    const objects = new Map<string, Uint8Array>();
    return {
      store: memoryBundleStore(objects),
      async put(key, text) {
        objects.set(key, bytes(text));
      },
    };
  },
};

describe.each(Object.keys(places))("a store in a %s", (name) => {
  test("gives a pointer once, then only when it has changed", async () => {
    const { store, put } = (places[name] as () => Place)();
    expect(await store.pointer("mini", "stable", null)).toEqual({ kind: "absent" });
    await put("channels/mini/stable.json", "one");
    const first = await store.pointer("mini", "stable", null);
    expect(first).toMatchObject({ kind: "found" });
    if (first.kind !== "found") return;
    expect(new TextDecoder().decode(first.bytes)).toBe("one");
    expect(await store.pointer("mini", "stable", first.etag)).toEqual({ kind: "unchanged" });
    await put("channels/mini/stable.json", "two");
    expect(await store.pointer("mini", "stable", first.etag)).toMatchObject({ kind: "found" });
  });

  test("gives the files of a version, and null for what is not there", async () => {
    const { store, put } = (places[name] as () => Place)();
    await put("adapters/mini/1/manifest.json", "{}");
    const read = async (version: string, path: string) => {
      const found = await store.open("mini", version).read(path);
      return found === null ? null : new TextDecoder().decode(found);
    };
    expect(await read("1", "manifest.json")).toBe("{}");
    expect(await read("1", "adapter.ort")).toBeNull();
    expect(await read("2", "manifest.json")).toBeNull();
  });
});
