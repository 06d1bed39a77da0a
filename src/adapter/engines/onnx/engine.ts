/** The encoder on ONNX Runtime Web: one graph for prefix (`past` of length 0) and candidate. */
import { Tensor } from "onnxruntime-web/wasm";
import { type EncoderInput, type Engine, EngineError, type Prefix } from "../../engine.ts";
import type { Manifest } from "../../manifest.ts";
import { createSession, type OrtSession, runtimeHeapBytes } from "./runtime.ts";

/** What the engine needs from a manifest. */
export type GraphDescription = Pick<Manifest, "base" | "tensors">;

/**
 * Keys and values of a question, `[layers, 2, heads, tokens, hidden / heads]`, in the WebAssembly heap.
 * Freed when released and no run reads them any more.
 */
class OnnxPrefix implements Prefix {
  readonly tokens: number;
  readonly bytes: number;
  readonly #session: OrtSession;
  #kept: Float32Array | null;
  #runs = 0;
  #released = false;

  constructor(tokens: number, session: OrtSession, kept: Float32Array) {
    this.tokens = tokens;
    this.bytes = kept.byteLength;
    this.#session = session;
    this.#kept = kept;
  }

  release(): void {
    this.#released = true;
    if (this.#runs > 0 || this.#kept === null) return;
    this.#session.drop(this.#kept);
    this.#kept = null;
  }

  /** Calls `run` with the keys and values, which stay until it is done. */
  async with<Value>(run: (keysAndValues: Float32Array) => Promise<Value>): Promise<Value> {
    if (this.#kept === null || this.#released) throw new EngineError("closed");
    this.#runs += 1;
    try {
      return await run(this.#kept);
    } finally {
      this.#runs -= 1;
      if (this.#released) this.release();
    }
  }
}

/**
 * Starts an engine. `module` is ONNX Runtime's compiled WebAssembly, `model` the bytes of `adapter.ort`
 * (copied, so they may be dropped). Rejects with `EngineError` `trap` for a model that does not load,
 * `shape` for one whose inputs and outputs are not those of the manifest, `out_of_memory`, and `aborted`
 * where the isolate's runtime has trapped before.
 */
export async function startOnnxEngine(
  module: WebAssembly.Module,
  model: Uint8Array,
  graph: GraphDescription,
): Promise<Engine> {
  const session = await createSession(module, model);
  const { ids, typeIds, past, score, present } = graph.tensors;
  const fits =
    session.inputNames.length === 3 &&
    [ids, typeIds, past].every((name) => session.inputNames.includes(name)) &&
    [score, present].every((name) => session.outputNames.includes(name));
  if (!fits) {
    await session.release();
    throw new EngineError("shape");
  }
  return new OnnxEngine(session, graph);
}

class OnnxEngine implements Engine {
  readonly #graph: GraphDescription;
  #session: OrtSession | null;

  constructor(session: OrtSession, graph: GraphDescription) {
    this.#session = session;
    this.#graph = graph;
  }

  async encodePrefix(input: EncoderInput): Promise<Prefix> {
    const { base, tensors } = this.#graph;
    const feeds = this.#feeds(input, 0, 0);
    feeds[tensors.past] = new Tensor("float32", new Float32Array(0), this.#pastShape(0));
    const data = await this.#open().run(feeds, null, tensors.present);
    const tokens = input.ids.length;
    if (data.length !== base.layers * 2 * base.hidden * tokens) throw new EngineError("shape");
    const session = this.#open();
    return new OnnxPrefix(tokens, session, await session.keep(data));
  }

  async score(prefix: Prefix, candidate: EncoderInput): Promise<number> {
    if (!(prefix instanceof OnnxPrefix)) throw new EngineError("shape");
    const { past, score } = this.#graph.tensors;
    const feeds = this.#feeds(candidate, 1, prefix.tokens);
    const shape = this.#pastShape(prefix.tokens);
    const outputs = await prefix.with((data) =>
      this.#open().run(feeds, { name: past, data, shape }, score),
    );
    const [logit] = outputs;
    if (outputs.length !== 1 || logit === undefined) throw new EngineError("shape");
    if (!Number.isFinite(logit)) throw new EngineError("not_finite");
    return logit;
  }

  heapBytes(): number {
    return runtimeHeapBytes();
  }

  async close(): Promise<void> {
    const session = this.#session;
    this.#session = null;
    await session?.release();
  }

  #open(): OrtSession {
    if (this.#session === null) throw new EngineError("closed");
    return this.#session;
  }

  #pastShape(tokens: number): number[] {
    const { layers, heads, hidden } = this.#graph.base;
    return [layers, 2, heads, tokens, hidden / heads];
  }

  /** Ids and type ids `[1, t]`. */
  #feeds(input: EncoderInput, typeId: 0 | 1, pastTokens: number): Record<string, Tensor> {
    const { base, tensors } = this.#graph;
    const t = input.ids.length;
    if (t === 0 || pastTokens + t > base.maxPositions) throw new EngineError("shape");
    if (input.ids.some((id) => id < 0 || id >= base.vocabulary)) throw new EngineError("shape");
    return {
      [tensors.ids]: new Tensor("int64", BigInt64Array.from(input.ids, BigInt), [1, t]),
      [tensors.typeIds]: new Tensor("int64", new BigInt64Array(t).fill(BigInt(typeId)), [1, t]),
    };
  }
}
