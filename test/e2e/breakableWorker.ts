/**
 * The Worker with its engines within reach: `POST /__break/<fault>` tells the encoder started last to commit it
 * (faultyEncoder.node.ts), `POST /__break/heap` overwrites the memory of the WebAssembly started last.
 */
import worker from "../../src/worker/index.ts";

export * from "../../src/worker/objects.ts";

let newest: { breakNext?: (fault: number) => void } | null = null;
let memory: WebAssembly.Memory | null = null;

class Watched extends WebAssembly.Instance {
  constructor(module: WebAssembly.Module, imports?: WebAssembly.Imports) {
    super(module, imports);
    newest = this.exports;
    const given = Object.values(imports ?? {}).flatMap((values) => Object.values(values));
    const found = [...Object.values(this.exports), ...given];
    memory = found.find((value) => value instanceof WebAssembly.Memory) ?? null;
  }
}
Reflect.set(WebAssembly, "Instance", Watched);

export default {
  ...worker,
  fetch(...call: Parameters<typeof worker.fetch>) {
    const [, how] = new URL(call[0].url).pathname.split("/__break/");
    if (how === undefined) return worker.fetch(...call);
    if (how === "heap") new Uint8Array(memory?.buffer ?? new ArrayBuffer()).fill(0xff);
    else newest?.breakNext?.(Number(how));
    return new Response(null, { status: newest === null ? 404 : 204 });
  },
};
