/** Manifests and pointers that someone damaged or made up: read strictly or refused by name, never thrown at. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect } from "vitest";
import { parseManifest } from "../../src/adapter/manifest.ts";
import { parsePointer } from "../../src/adapter/pointer.ts";
import { bundlePath } from "../adapter/paths.node.ts";
import { sampleManifest } from "../adapter/sampleManifest.ts";
import { fuzz } from "./fuzz.ts";
import { CANARY, mutated } from "./mutations.ts";
import { anyBytes } from "./texts.ts";

const shipped: unknown = JSON.parse(readFileSync(join(bundlePath, "manifest.json"), "utf8"));
const manifestFailures = ["manifest_malformed", "schema_unknown", "base_unsupported"];

fuzz(
  "a manifest is read whole or refused by name, without a value of it",
  0.03,
  fc.oneof(
    { weight: 1, arbitrary: anyBytes },
    { weight: 6, arbitrary: mutated(sampleManifest) },
    { weight: 1, arbitrary: mutated(shipped) },
  ),
  (bytes) => {
    const result = parseManifest(bytes);
    if (!result.ok) {
      expect(manifestFailures).toContain(result.failure.kind);
      expect(JSON.stringify(result.failure)).not.toContain(CANARY);
      return;
    }
    const { budget, base, files, selector } = result.value;
    expect(budget.prefixTokens + budget.candidateTokens).toBeLessThanOrEqual(base.maxPositions);
    for (const { path } of files) expect(path).not.toMatch(/[/\\]|^\./);
    for (const group of selector?.groups ?? []) {
      expect(group.weights).toHaveLength(selector?.features.length ?? 0);
    }
  },
);

const pointer = {
  schema: 1,
  adapter: "mini",
  version: "2026.11.1",
  serial: 3,
  share: 1,
  updatedAt: "2026-11-23T10:00:00Z",
  signature: { alg: "Ed25519", key: "56475aa75463474c", value: `${"A".repeat(86)}==` },
};
const pointerFailures = ["pointer_malformed", "pointer_schema_unknown", "pointer_adapter_mismatch"];

fuzz(
  "a pointer is read whole or refused by name, and leads into no other folder",
  0.05,
  fc.oneof({ weight: 1, arbitrary: anyBytes }, { weight: 6, arbitrary: mutated(pointer) }),
  (bytes) => {
    const result = parsePointer(bytes, "mini", "stable");
    if (!result.ok) {
      expect(pointerFailures).toContain(result.failure.kind);
      expect(JSON.stringify(result.failure)).not.toContain(CANARY);
      return;
    }
    expect(result.value.adapter).toBe("mini");
    expect(result.value.version).not.toMatch(/[/\\]|^\./);
    expect(result.value.serial).toBeGreaterThanOrEqual(0);
  },
);
