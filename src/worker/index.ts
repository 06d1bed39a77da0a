/** The Worker: wiring only. ONNX Runtime is imported here and nowhere else, so that tests without it start fast. */
import { startEngine } from "../adapter/engines/onnx/workerd.ts";
import { createApp } from "./app.ts";
import { partsWith } from "./makeParts.ts";

export { LedgerObject } from "./ledger/ledgerObject.ts";

export default createApp(partsWith({ name: "ort-web", roles: ["onnx"], start: startEngine }));
