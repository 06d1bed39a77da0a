/** Which engine runs the shipped bundle when the preferred one fails, and when that is the bundle's own fault. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { bundleFolder } from "../../../src/adapter/bundleStore.node.ts";
import { EngineError, type EngineFailureReason } from "../../../src/adapter/engine.ts";
import { startEngine } from "../../../src/adapter/engines/onnx/engine.node.ts";
import { EngineChoice, type EngineKind } from "../../../src/worker/adapters/engines.ts";
import { bundlePath } from "../../adapter/paths.node.ts";

const { name: adapter, version } = JSON.parse(
  readFileSync(join(bundlePath, "manifest.json"), "utf8"),
);
const onnx: EngineKind = { name: "ort-web", roles: ["onnx"], start: startEngine };

/** Loads the shipped bundle where the preferred engine fails for this reason. */
async function loadAfter(reason: EngineFailureReason) {
  const start = () => Promise.reject(new EngineError(reason));
  const choice = new EngineChoice([{ name: "simd", roles: ["simd"], start }, onnx], null);
  const loaded = await choice.load(bundleFolder(bundlePath), { adapter, version });
  return { loaded, choice };
}

test.each(["trap", "shape"] as const)(
  "an engine that cannot start (%s) leaves the bundle to the next",
  async (reason) => {
    const { loaded, choice } = await loadAfter(reason);
    expect(loaded.ok).toBe(true);
    expect(choice.running).toBe("ort-web");
    if (loaded.ok) await loaded.value.retire();
  },
);

test("weights that give no finite logit refuse the bundle, whatever another engine would say", async () => {
  const { loaded } = await loadAfter("not_finite");
  expect(loaded).toEqual({ ok: false, failure: { kind: "engine_failed", reason: "not_finite" } });
});
