/** The real app without ONNX Runtime (10-20 s to start under Vitest): its engine can run no model. */
import { EngineError } from "../../src/adapter/engine.ts";
import { partsWith } from "../../src/worker/makeParts.ts";
import { createWorker } from "../../src/worker/worker.ts";

export * from "../../src/worker/objects.ts";

const start = () => Promise.reject(new EngineError("trap"));

export default createWorker(partsWith({ name: "none", roles: ["onnx"], start }));
