/** The real app without ONNX Runtime (10-20 s to start under Vitest): its engine can run no model. */
import { EngineError } from "../../src/adapter/engine.ts";
import { createApp } from "../../src/worker/app.ts";
import { partsWith } from "../../src/worker/makeParts.ts";

export { LedgerObject } from "../../src/worker/ledger/ledgerObject.ts";
export { GuardObject } from "../../src/worker/rollout/guardObject.ts";

const start = () => Promise.reject(new EngineError("trap"));

export default createApp(partsWith({ name: "none", roles: ["onnx"], start }));
