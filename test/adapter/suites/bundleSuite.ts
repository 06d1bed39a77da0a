/** The shipped bundle is accepted; every damage to it is refused by name. */
import { beforeAll, describe, expect, test } from "vitest";
import { verifyBundle } from "../../../src/adapter/bundle.ts";
import {
  asBundle,
  bitFlipped,
  type Files,
  manifestOf,
  readAll,
  withFile,
  withManifest,
} from "./bundleEdits.ts";
import type { Surroundings } from "./surroundings.ts";

const keep = ["onnx", "tokenizer"] as const;
export function bundleSuite(surroundings: Surroundings): void {
  let files: Files;

  beforeAll(async () => {
    files = await readAll(surroundings.bundle);
  });

  const verify = (changed: Files) => verifyBundle(asBundle(changed), { keep });
  const refused = (failure: object) => ({ ok: false, failure });

  describe("the shipped bundle", () => {
    test("is verified, and only what was asked for is kept", async () => {
      const { name, version } = manifestOf(files);
      const expected = { adapter: name, version };
      const result = await verifyBundle(surroundings.bundle, { keep, expect: expected });
      expect(result.ok).toBe(true);
      if (!result.ok) return;
      expect(result.value.manifest).toEqual(manifestOf(files));
      expect([...result.value.contents.keys()].sort()).toEqual([...keep]);
    });

    test("is refused as another adapter or version than the one asked for", async () => {
      const { name, version } = manifestOf(files);
      const ask = (adapter: string, wanted: string) =>
        verifyBundle(asBundle(files), { keep, expect: { adapter, version: wanted } });
      expect(await ask("other", version)).toEqual(
        refused({ kind: "identity_mismatch", field: "name" }),
      );
      expect(await ask(name, "0.0.0-other")).toEqual(
        refused({ kind: "identity_mismatch", field: "version" }),
      );
    });

    test("without its manifest is refused", async () => {
      expect(await verify(withFile(files, "manifest.json", null))).toEqual(
        refused({ kind: "manifest_missing" }),
      );
    });

    test("with a manifest of schema 99 is refused", async () => {
      expect(
        await verify(withManifest(files, (json) => Object.assign(json, { schema: 99 }))),
      ).toEqual(refused({ kind: "schema_unknown", schema: 99 }));
    });

    test("with a manifest cut anywhere is refused", async () => {
      const bytes = files.get("manifest.json") ?? new Uint8Array();
      for (const share of [0, 0.25, 0.5, 0.99]) {
        const cut = bytes.slice(0, Math.floor(bytes.length * share));
        const result = await verify(withFile(files, "manifest.json", cut));
        expect(result).toMatchObject(refused({ kind: "manifest_malformed" }));
      }
    });

    test("is refused for each of its files missing, cut, or changed by one bit", async () => {
      for (const { path, bytes: size } of manifestOf(files).files) {
        const bytes = files.get(path) ?? new Uint8Array();
        const changed = (to: Uint8Array | null) => verify(withFile(files, path, to));
        expect(await changed(null)).toEqual(refused({ kind: "file_missing", path }));
        for (const length of [0, 1, size - 1]) {
          const cut = bytes.subarray(0, length);
          expect(await changed(cut)).toEqual(refused({ kind: "size_mismatch", path }));
        }
        for (const bit of [0, size * 4 + 3, size * 8 - 1]) {
          const flipped = bitFlipped(bytes, bit);
          expect(await changed(flipped)).toEqual(refused({ kind: "hash_mismatch", path }));
        }
      }
    });

    test("lacks a role that an engine might ask for: refused by that role", async () => {
      const onlyThese = withManifest(files, (json) => {
        json.files = manifestOf(files).files.filter((file) => file.role !== "simd");
      });
      const result = await verifyBundle(asBundle(onlyThese), { keep: ["simd"] });
      expect(result).toEqual(refused({ kind: "role_missing", role: "simd" }));
    });
  });
}
