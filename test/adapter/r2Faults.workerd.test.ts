/**
 * R2 that is not there, slow, breaks off or changes under its reader, with the real engine. Real R2; what it does not do
 * by itself is done by a bucket around it.
 */
import { beforeAll, describe, expect, it } from "vitest";
import { bitFlipped } from "./suites/bundleEdits.ts";
import {
  bucket,
  filesOf,
  hostOver,
  ONE,
  point,
  put,
  putVersions,
  restore,
  scores,
  TWO,
} from "./suites/signedVersions.ts";

beforeAll(putVersions);

const flipped = (bytes: Uint8Array) => bitFlipped(bytes, bytes.length * 4);

describe("R2 itself", () => {
  /** Reads of `path` go through `change`. */
  function reading(
    path: string,
    change: (body: R2ObjectBody) => R2ObjectBody | Promise<R2ObjectBody>,
  ) {
    const get = async (key: string, options?: R2GetOptions) => {
      const found = await bucket.get(key, options ?? {});
      const meant = found !== null && key.endsWith(`/${path}`) && "body" in found;
      return meant ? change(found as R2ObjectBody) : found;
    };
    return { get } as Partial<R2Bucket>;
  }

  /** The object with another body. */
  function withBody(found: R2ObjectBody, body: ReadableStream<Uint8Array>): R2ObjectBody {
    return {
      size: found.size,
      etag: found.etag,
      body,
      arrayBuffer: () => new Response(body).arrayBuffer(),
    } as unknown as R2ObjectBody;
  }

  it("that has no such bucket: nothing is served, and it is said why", async () => {
    const { host, refresh } = hostOver({
      get: () => Promise.reject(new Error("get: The specified bucket does not exist. (10006)")),
    } as Partial<R2Bucket>);
    await refresh();
    expect(host.status()).toMatchObject({ version: null, fault: { kind: "store_unavailable" } });
  });

  it("that is slow holds up nobody: what serves goes on serving", async () => {
    let open = true;
    const { host, refresh } = hostOver(
      reading("encoder.bin", async (found) => {
        while (!open) await new Promise((resolve) => setTimeout(resolve, 5));
        return found;
      }),
    );
    await point(ONE);
    await refresh();
    open = false;
    await point(TWO);
    const refreshing = refresh();
    expect(await scores(host)).toBe(true);
    expect(host.status()).toMatchObject({ version: ONE, fault: null });
    open = true;
    await refreshing;
    expect(host.status()).toMatchObject({ version: TWO, fault: null });
  });

  it.each(["tokenizer.json", "encoder.bin", "adapter.ort"])(
    "that breaks off in the middle of %s: no fault of the bundle; the next check reads it again",
    async (path) => {
      let broken = true;
      const { host, refresh } = hostOver(
        reading(path, (found) => {
          if (!broken) return found;
          let left = 3;
          const cut = new TransformStream<Uint8Array, Uint8Array>({
            transform(chunk, controller) {
              left -= 1;
              if (left > 0) controller.enqueue(chunk.subarray(0, 1000));
              else controller.error(new Error("connection lost"));
            },
            flush: (controller) => controller.error(new Error("connection lost")),
          });
          return withBody(found, found.body.pipeThrough(cut));
        }),
      );
      await point(ONE);
      await refresh();
      expect(host.status()).toMatchObject({ version: null, fault: { kind: "store_unavailable" } });
      broken = false;
      await refresh();
      expect(host.status()).toMatchObject({ version: ONE, fault: null });
    },
  );

  it.each(["encoder.bin", "tokenizer.json", "README.md", "manifest.json"])(
    "whose %s changes between two reads: refused, never half of each",
    async (path) => {
      let changes = true;
      const { host, refresh } = hostOver(
        reading("manifest.json", async (found) => {
          const read = await found.arrayBuffer();
          if (changes) await put(TWO, path, flipped(filesOf(TWO).get(path) ?? new Uint8Array()));
          return withBody(found, new Response(read).body as ReadableStream<Uint8Array>);
        }),
      );
      await point(TWO);
      await refresh();
      const kind = path === "manifest.json" ? "signature_invalid" : "hash_mismatch";
      expect(host.status()).toMatchObject({ version: null, fault: { kind } });
      changes = false;
      await restore(TWO, path);
      await point(TWO);
      await refresh();
      expect(host.status()).toMatchObject({ version: TWO, fault: null });
    },
  );

  it("has a pointer that names nothing, then none, then a good one", async () => {
    const { host, refresh } = hostOver();
    await point("3.0.0");
    await refresh();
    expect(host.status().fault).toEqual({ kind: "manifest_missing", version: "3.0.0" });
    await bucket.delete("channels/mini/stable.json");
    await refresh();
    expect(host.status().fault).toEqual({ kind: "pointer_absent" });
    await point(ONE);
    await refresh();
    expect(host.status()).toMatchObject({ version: ONE, fault: null });
  });
});
