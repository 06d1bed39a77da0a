/** The encoder on ONNX Runtime Web: one graph for prefix (`past` of length 0) and candidate. */
import { Tensor } from "onnxruntime-web/wasm";
import { type EncoderInput, type Engine, EngineError, type Prefix } from "../../engine.ts";
import type { Manifest } from "../../manifest.ts";
import { createSession, exclusively, type OwnedSession, runtimeHeapBytes } from "./runtime.ts";

/** What the engine needs of a manifest. */
export type GraphDescription = Pick<Manifest, "base" | "tensors">;

/** Keys and values of a question, `[layers, 2, heads, tokens, hidden / heads]`, kept outside of the WebAssembly heap. */
class OnnxPrefix implements Prefix {
  readonly tokens: number;
  keysAndValues: Float32Array | null;

  constructor(tokens: number, keysAndValues: Float32Array) {
    this.tokens = tokens;
    this.keysAndValues = keysAndValues;
  }

  release(): void {
    this.keysAndValues = null;
  }
}

/**
 * Starts an engine. `module` is ONNX Runtime's compiled WebAssembly, `model` the bytes of `adapter.ort`
 * (copied, so they may be dropped). Rejects with `EngineError` `trap` for a model that does not load,
 * `shape` for one whose inputs and outputs are not those of the manifest.
 */
export async function startOnnxEngine(
  module: WebAssembly.Module,
  model: Uint8Array,
  graph: GraphDescription,
): Promise<Engine> {
  const owned = await createSession(module, model);
  const { ids, typeIds, past, score, present } = graph.tensors;
  const { inputNames, outputNames } = owned.session;
  const fits =
    [ids, typeIds, past].every((name) => inputNames.includes(name)) &&
    [score, present].every((name) => outputNames.includes(name)) &&
    inputNames.length === 3;
  if (!fits) {
    await owned.release();
    throw new EngineError("shape");
  }
  return new OnnxEngine(owned, graph);
}

class OnnxEngine implements Engine {
  readonly #graph: GraphDescription;
  #owned: OwnedSession | null;

  constructor(owned: OwnedSession, graph: GraphDescription) {
    this.#owned = owned;
    this.#graph = graph;
  }

  async encodePrefix(input: EncoderInput): Promise<Prefix> {
    const { present } = this.#graph.tensors;
    const data = await this.#run(input, 0, 0, new Float32Array(0), present);
    const { layers, hidden } = this.#graph.base;
    const tokens = input.ids.length;
    if (data.length !== layers * 2 * hidden * tokens) throw new EngineError("shape");
    return new OnnxPrefix(tokens, data);
  }

  async score(prefix: Prefix, candidate: EncoderInput): Promise<number> {
    if (!(prefix instanceof OnnxPrefix)) throw new EngineError("shape");
    if (prefix.keysAndValues === null) throw new EngineError("closed");
    const { score } = this.#graph.tensors;
    const data = await this.#run(candidate, 1, prefix.tokens, prefix.keysAndValues, score);
    const logit = data[0];
    if (data.length !== 1 || logit === undefined) throw new EngineError("shape");
    if (!Number.isFinite(logit)) throw new EngineError("not_finite");
    return logit;
  }

  heapBytes(): number {
    return runtimeHeapBytes();
  }

  async close(): Promise<void> {
    const owned = this.#owned;
    this.#owned = null;
    await owned?.release();
  }

  /** One pass over `input`; only the output asked for is copied out of the heap. */
  #run(
    input: EncoderInput,
    typeId: 0 | 1,
    pastTokens: number,
    past: Float32Array,
    output: string,
  ): Promise<Float32Array> {
    const { base, tensors } = this.#graph;
    const t = input.ids.length;
    if (t === 0 || pastTokens + t > base.maxPositions) throw new EngineError("shape");
    if (input.ids.some((id) => id < 0 || id >= base.vocabulary)) throw new EngineError("shape");
    const pastShape = [base.layers, 2, base.heads, pastTokens, base.hidden / base.heads];
    const feeds = {
      [tensors.ids]: new Tensor("int64", BigInt64Array.from(input.ids, BigInt), [1, t]),
      [tensors.typeIds]: new Tensor("int64", new BigInt64Array(t).fill(BigInt(typeId)), [1, t]),
      [tensors.past]: new Tensor("float32", past, pastShape),
    };
    return exclusively(async () => {
      if (this.#owned === null) throw new EngineError("closed");
      const outputs = await this.#owned.session.run(feeds, [output]);
      const data = outputs[output]?.data;
      if (!(data instanceof Float32Array)) throw new EngineError("shape");
      return data;
    });
  }
}
