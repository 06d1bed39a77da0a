/** The suites' surroundings in Node. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { bundleFolder } from "../../../src/adapter/bundleStore.node.ts";
import { startEngine } from "../../../src/adapter/engines/onnx/engine.node.ts";
import { startEngine as startSimd } from "../../../src/adapter/engines/simd/engine.node.ts";
import { bundlePath, fixturePath, recordedPath } from "../paths.node.ts";
import type { Surroundings } from "./surroundings.ts";

export const inNode: Surroundings = {
  engine: "ort-web",
  bundle: bundleFolder(bundlePath),
  fixture: (name) => readFile(join(fixturePath, name), "utf8"),
  recorded: (name) => readFile(join(recordedPath, name), "utf8"),
  startEngine,
  roles: ["onnx", "tokenizer"],
};

/** The same with our own engine. */
export const inNodeWithSimd: Surroundings = {
  ...inNode,
  engine: "simd",
  startEngine: startSimd,
  roles: ["simd", "tokenizer"],
};
