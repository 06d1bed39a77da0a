/**
 * ONNX Runtime Web from a compiled module, in any JavaScript runtime. An isolate has one runtime (its state is global)
 * for any number of sessions.
 */
import * as ort from "onnxruntime-web/wasm";
import { pause } from "../../../net/sharedWork.ts";
import { EngineError, type EngineFailureReason } from "../../engine.ts";
import { OrtHeap } from "./heap.ts";

/** Named arrays for a run. */
export type Feeds = Readonly<Record<string, ort.Tensor>>;

/** A model in the heap. */
export interface OrtSession {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  /** Runs the model; only `output` is copied out. `kept` is fed as it lies in the heap. */
  run(feeds: Feeds, kept: KeptInput | null, output: string): Promise<Float32Array>;
  /** A copy of `data` in the heap, for later runs. */
  keep(data: Float32Array): Promise<Float32Array>;
  /** Frees a copy that `keep` made. */
  drop(kept: Float32Array): void;
  release(): Promise<void>;
}

/** An input that `keep` has put into the heap. */
export interface KeptInput {
  readonly name: string;
  readonly data: Float32Array;
  readonly shape: readonly number[];
}

const heap = new OrtHeap();
const state = { started: false, busy: false, broken: false };

/** Bytes of the runtime's heap, all sessions together; 0 before the first session. */
export function runtimeHeapBytes(): number {
  return heap.bytes;
}

/**
 * Makes a session from `.ort` bytes, which may be dropped afterwards. `module` is ONNX Runtime's
 * WebAssembly; the first call in an isolate starts the runtime with it.
 * Rejects with `EngineError`: `trap` when the model is refused, `out_of_memory`, or `aborted` for ever after a trap.
 */
export function createSession(module: WebAssembly.Module, model: Uint8Array): Promise<OrtSession> {
  return exclusively(async () => {
    const create = () => ort.InferenceSession.create(model, options());
    const [session, modelAt] = await heap.keeping(model.byteLength, () =>
      state.started ? create() : started(module, create),
    );
    return wrapped(session, modelAt);
  }, whyNoSession);
}

/** Recognised by ONNX Runtime's message, which goes no further. */
function whyNoSession(error: unknown): EngineFailureReason {
  const message = error instanceof Error ? error.message : "";
  return /bad_alloc|failed to allocate/iu.test(message) ? "out_of_memory" : "trap";
}

function wrapped(session: ort.InferenceSession, modelAt: number): OrtSession {
  return {
    inputNames: session.inputNames,
    outputNames: session.outputNames,
    run: (feeds, kept, output) =>
      exclusively(async () => {
        const run = (more: Feeds) => session.run({ ...feeds, ...more }, [output]);
        const outputs =
          kept === null ? await run({}) : await heap.lending(kept.data, () => run(tensorOf(kept)));
        const data = outputs[output]?.data;
        if (!(data instanceof Float32Array)) throw new EngineError("shape");
        return data;
      }),
    keep: (data) => exclusively(async () => heap.store(data)),
    drop: (kept) => {
      if (!state.broken) heap.free(kept.byteOffset);
    },
    // After a trap the memory is freed with the isolate.
    release: () =>
      exclusively(async () => {
        await session.release();
        heap.free(modelAt);
      }).catch(() => {}),
  };
}

function tensorOf({ name, data, shape }: KeptInput): Feeds {
  return { [name]: new ort.Tensor("float32", data, shape) };
}

/**
 * Runs `work` while nothing else runs in the heap. A run resets the stack pointer to where it was at its start, so two
 * interleaved runs would overwrite each other's stack. `work` must not wait for I/O: a request cancelled meanwhile would
 * block everyone else.
 *
 * A run that fails for lack of memory counts as a trap (`reasonOf`'s default). It leaves its allocations in the heap, so
 * the next run of that session fails too (seen with a heap of limited size).
 */
async function exclusively<Value>(
  work: () => Promise<Value>,
  reasonOf: (error: unknown) => EngineFailureReason = () => "trap",
): Promise<Value> {
  while (state.busy) await pause(0);
  if (state.broken) throw new EngineError("aborted");
  state.busy = true;
  try {
    return await work();
  } catch (error) {
    if (error instanceof EngineError) throw error;
    // After a trap the heap may be in any state: no later result of this runtime can be trusted.
    if (error instanceof WebAssembly.RuntimeError) state.broken = true;
    throw new EngineError(state.broken ? "aborted" : reasonOf(error), { cause: error });
  } finally {
    state.busy = false;
  }
}

function options(): ort.InferenceSession.SessionOptions {
  return {
    executionProviders: ["wasm"],
    // An arena would keep the largest activations for ever. Without it they are freed after each run.
    enableCpuMemArena: false,
    logSeverityLevel: 4,
    extra: {
      session: {
        use_ort_model_bytes_directly: "1",
        use_ort_model_bytes_for_initializers: "1",
      },
    },
  };
}

/**
 * Does the first `create`, which starts the runtime. ONNX Runtime calls `WebAssembly.instantiate` with bytes, which
 * workerd refuses. So that function answers with our compiled module while this `create` runs.
 */
async function started<Value>(
  module: WebAssembly.Module,
  create: () => Promise<Value>,
): Promise<Value> {
  state.started = true;
  ort.env.wasm.numThreads = 1;
  ort.env.logLevel = "fatal";
  // Nothing reads it. But without it ONNX Runtime would look for the .wasm file's URL.
  ort.env.wasm.wasmBinary = new ArrayBuffer(1);
  const original = WebAssembly.instantiate;
  const answer = async (_: unknown, imports: WebAssembly.Imports) => ({
    module,
    instance: heap.instantiate(module, imports),
  });
  Reflect.set(WebAssembly, "instantiate", answer);
  try {
    return await create();
  } finally {
    Reflect.set(WebAssembly, "instantiate", original);
  }
}
