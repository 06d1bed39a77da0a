/**
 * Bundles in R2 with one file damaged, with the real engine: the version that served goes on, the fault has a name, and
 * the next pointer to a whole version heals it.
 */
import { beforeAll, describe, expect, it } from "vitest";
import { bitFlipped } from "./suites/bundleEdits.ts";
import {
  filesOf,
  hostOver,
  ONE,
  point,
  put,
  putVersions,
  restore,
  SIGNATURE,
  scores,
  TWO,
} from "./suites/signedVersions.ts";

beforeAll(putVersions);

const half = (bytes: Uint8Array) => bytes.subarray(0, bytes.length >> 1);
const flipped = (bytes: Uint8Array) => bitFlipped(bytes, bytes.length * 4);
const signature = (kind: string) => ({ kind, path: SIGNATURE });
const file = (kind: string) => (path: string) => ({ kind, path });

/** What becomes of a file, and the fault that it is to be named by: of the manifest, its signature, any other. */
const damages: [
  string,
  (bytes: Uint8Array, path: string, other: string) => Uint8Array | null,
  {
    manifest: object;
    signature: object;
    file: (path: string) => object;
  },
][] = [
  [
    "missing",
    () => null,
    {
      manifest: { kind: "manifest_missing" },
      signature: signature("signature_missing"),
      file: file("file_missing"),
    },
  ],
  [
    "truncated",
    half,
    {
      manifest: signature("signature_invalid"),
      signature: signature("signature_invalid"),
      file: file("size_mismatch"),
    },
  ],
  [
    "bit-flipped",
    flipped,
    {
      manifest: signature("signature_invalid"),
      signature: signature("signature_invalid"),
      file: file("hash_mismatch"),
    },
  ],
];

const paths = [
  "manifest.json",
  SIGNATURE,
  "adapter.ort",
  "encoder.bin",
  "tokenizer.json",
  "README.md",
];

describe("a bundle with one file damaged", () => {
  let over: ReturnType<typeof hostOver>;
  let [serves, next]: [string, string] = [ONE, TWO];

  beforeAll(async () => {
    over = hostOver();
    await point(serves);
    await over.refresh();
  });

  /** Damages a file of the next version: refused by name. Makes it whole again: served. */
  async function refusedThenHealed(path: string, bytes: Uint8Array | null, fault: object) {
    const { host, refresh } = over;
    await put(next, path, bytes);
    await point(next);
    await refresh();
    expect(host.status()).toMatchObject({ version: serves, fault });
    expect(await scores(host)).toBe(true);
    await restore(next, path);
    await refresh();
    // What was refused is not read again before the pointer says so.
    expect(host.status()).toMatchObject({ version: serves, fault });
    const serial = await point(next);
    await refresh();
    expect(host.status()).toMatchObject({ version: next, serial, fault: null });
    expect(await scores(host)).toBe(true);
    [serves, next] = [next, serves];
  }

  it("has the files that are damaged here", () => {
    expect([...filesOf(ONE).keys()].sort()).toEqual([...paths].sort());
  });

  describe.each(damages)("%s", (_, damage, faults) => {
    it.each(paths)("%s: the old version goes on, the next pointer heals", async (path) => {
      const whole = filesOf(next).get(path) ?? new Uint8Array();
      const fault =
        path === "manifest.json"
          ? faults.manifest
          : path === SIGNATURE
            ? faults.signature
            : faults.file(path);
      await refusedThenHealed(path, damage(whole, path, serves), { ...fault, version: next });
    });
  });

  describe("swapped with the other version's", () => {
    it.each([
      ["manifest.json", signature("signature_invalid")],
      [SIGNATURE, signature("signature_invalid")],
      ["tokenizer.json", { kind: "size_mismatch", path: "tokenizer.json" }],
      ["README.md", { kind: "size_mismatch", path: "README.md" }],
    ])("%s: the old version goes on, the next pointer heals", async (path, fault) => {
      const others = filesOf(serves).get(path) ?? null;
      await refusedThenHealed(path, others, { ...fault, version: next });
    });

    it("the weights, of one size: told by their hash", async () => {
      // Both versions have the same weights here; another version's would be others of the same size.
      for (const path of ["adapter.ort", "encoder.bin"]) {
        const others = Uint8Array.from(filesOf(next).get(path) ?? []);
        others.reverse();
        const fault = { kind: "hash_mismatch", path };
        await refusedThenHealed(path, others, { ...fault, version: next });
      }
    });

    it("manifest and signature together: another version than the pointer's", async () => {
      const { host, refresh } = over;
      const others = filesOf(serves);
      await put(next, SIGNATURE, others.get(SIGNATURE) ?? null);
      const fault = { kind: "identity_mismatch", field: "version" };
      const damaged = next;
      await point(next);
      await put(next, "manifest.json", others.get("manifest.json") ?? null);
      await refresh();
      expect(host.status()).toMatchObject({ version: serves, fault: { ...fault, version: next } });
      await restore(damaged, SIGNATURE);
      await restore(damaged, "manifest.json");
      await point(damaged);
      await refresh();
      expect(host.status()).toMatchObject({ version: damaged, fault: null });
    });
  });
});
