/** Versions that callers pin: those kept, loaded for the request, never at stable's cost. */
import { describe, expect, it } from "vitest";
import { parsePublicKeys } from "../../../src/adapter/signature.ts";
import { PinnedVersions } from "../../../src/worker/adapters/pinnedVersions.ts";
import golden from "../../fixtures/signature.golden.json" with { type: "json" };
import { fakeShelf, waitUntil } from "./fakeRankers.ts";

const versions = ["1.0.0", "1.1.0", "1.2.0", "bad-1"];

function pinning(heapBytes = 80_000_000, signedBy: ReturnType<typeof parsePublicKeys> = null) {
  const fake = fakeShelf(heapBytes, versions);
  const { store, shelf } = fake;
  const faults: string[] = [];
  const onFault = ({ kind }: { kind: string }) => faults.push(kind);
  const pinnedVersions = new PinnedVersions({ store, shelf, adapter: "mini", signedBy, onFault });
  /** What a request that pins this version is scored by, or why not. */
  const request = async (version: string) => {
    const source = pinnedVersions.source(version);
    await source.refresh(waitUntil);
    return source.current()?.ranker.manifest.version ?? source.fault()?.kind;
  };
  return { ...fake, pinnedVersions, faults, request };
}

describe("a pinned version", () => {
  it("is known where it is kept whole, and signed where there is a key", async () => {
    const { pinnedVersions } = pinning();
    expect(await pinnedVersions.knows("1.1.0")).toBe(true);
    expect(await pinnedVersions.knows("9.9.9")).toBe(false);
    expect(await pinning(1, parsePublicKeys(golden.publicKey)).pinnedVersions.knows("1.1.0")).toBe(
      false,
    );
  });

  it("is loaded once, beside stable", async () => {
    const { shelf, request, loaded } = pinning();
    await shelf.take("1.0.0", "stable", waitUntil);
    expect(await request("1.1.0")).toBe("1.1.0");
    expect(await request("1.1.0")).toBe("1.1.0");
    expect(await request("1.2.0")).toBe("1.2.0");
    expect(await request("1.0.0")).toBe("1.0.0");
    expect(loaded).toEqual(["1.0.0", "1.1.0", "1.2.0"]);
    expect(shelf.ready("1.0.0")).not.toBeNull();
  });

  it("waits for a canary's requests to end, and then is served", async () => {
    const { shelf, request, ranker } = pinning();
    await shelf.take("1.0.0", "stable", waitUntil);
    await shelf.take("1.1.0", "canary", waitUntil);
    ranker("1.1.0").busy = 1;
    const served = request("1.2.0");
    await expect.poll(() => shelf.ready("1.1.0")).toBeNull();
    expect(shelf.ready("1.2.0")).toBeNull();
    ranker("1.1.0").busy = 0;
    expect(await served).toBe("1.2.0");
  });

  it("that is refused is not read again for each request, and says why", async () => {
    const { request, loaded, faults } = pinning();
    for (let times = 0; times < 3; times += 1) {
      expect(await request("bad-1")).toBe("self_test_failed");
    }
    expect([loaded, faults]).toEqual([["bad-1"], ["self_test_failed"]]);
  });
});
