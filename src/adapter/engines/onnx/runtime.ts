/**
 * ONNX Runtime Web from an already compiled module, in any JavaScript runtime. There is one of it in
 * an isolate (its state is global), whatever the number of sessions.
 *
 * Three facts about onnxruntime-web 1.30 that this file depends on:
 * 1. It instantiates its WebAssembly by `WebAssembly.instantiate(bytes, imports)`. workerd compiles no
 *    bytes, so while the runtime starts that function answers with an instance of our module.
 * 2. `InferenceSession.create` copies the model into the WebAssembly heap and frees the copy at the end.
 *    With `use_ort_model_bytes_for_initializers` the session goes on reading weights from it, and the
 *    next allocation of that size overwrites them (found so: an embedding sum changed after a run with
 *    a 10 MB input). So that one `free` is held back until the session is released, which still costs
 *    less than the second copy of every weight that the safe default makes.
 * 3. A run sets the WebAssembly stack pointer back to where it was when it began. Two runs that
 *    interleave would tread on each other's stack, so one thing happens at a time.
 */
import * as ort from "onnxruntime-web/wasm";
import { EngineError } from "../../engine.ts";
import { pause } from "../../pause.ts";

/** A session and the way to give back all that it holds. */
export interface OwnedSession {
  readonly session: ort.InferenceSession;
  release(): Promise<void>;
}

type Exported = (...args: unknown[]) => unknown;

/** The copy of a model in the WebAssembly heap, as seen in the calls that made it. */
interface ModelCopy {
  readonly bytes: number;
  pointer: unknown;
  free: (() => void) | null;
}

const state: {
  module: WebAssembly.Module | null;
  memory: WebAssembly.Memory | null;
  creating: ModelCopy | null;
  busy: boolean;
  broken: boolean;
} = { module: null, memory: null, creating: null, busy: false, broken: false };

/** Bytes of the runtime's heap, all sessions together; 0 before the first session. */
export function runtimeHeapBytes(): number {
  return state.memory?.buffer.byteLength ?? 0;
}

/**
 * Makes a session from `.ort` bytes, which may be dropped afterwards. `module` is ONNX Runtime's
 * WebAssembly; the first call in an isolate starts the runtime with it.
 * Rejects with `EngineError` `trap` when the model is refused or memory runs out.
 */
export function createSession(
  module: WebAssembly.Module,
  model: Uint8Array,
): Promise<OwnedSession> {
  return exclusively(async () => {
    const copy: ModelCopy = { bytes: model.byteLength, pointer: null, free: null };
    state.creating = copy;
    try {
      const session = await startedWith(module, () =>
        ort.InferenceSession.create(model, options()),
      );
      return { session, release: () => releaseSession(session, copy) };
    } catch (error) {
      copy.free?.();
      throw error;
    } finally {
      state.creating = null;
    }
  });
}

/**
 * Runs `work` while nothing else runs in the heap. `work` must not wait for I/O: a request cancelled
 * in the middle would hold everyone else up.
 */
export async function exclusively<Value>(work: () => Promise<Value>): Promise<Value> {
  while (state.busy) await pause(0);
  if (state.broken) throw new EngineError("trap");
  state.busy = true;
  try {
    return await work();
  } catch (error) {
    // After a trap the heap may be in any state: no later result of this runtime can be trusted.
    if (error instanceof WebAssembly.RuntimeError) state.broken = true;
    throw error instanceof EngineError ? error : new EngineError("trap", { cause: error });
  } finally {
    state.busy = false;
  }
}

function options(): ort.InferenceSession.SessionOptions {
  return {
    executionProviders: ["wasm"],
    // An arena keeps the largest activations for ever; here they go back to the heap after each run.
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

function releaseSession(session: ort.InferenceSession, copy: ModelCopy): Promise<void> {
  return exclusively(async () => {
    await session.release();
    copy.free?.();
    copy.free = null;
  });
}

/** Runs `work` with `WebAssembly.instantiate` answering from `module`, if the runtime has not started. */
async function startedWith<Value>(
  module: WebAssembly.Module,
  work: () => Promise<Value>,
): Promise<Value> {
  if (state.module !== null) return work();
  state.module = module;
  ort.env.wasm.numThreads = 1;
  ort.env.logLevel = "fatal";
  // Not read, but as long as it is there no URL of the .wasm file is looked for.
  ort.env.wasm.wasmBinary = new ArrayBuffer(1);
  const original = WebAssembly.instantiate;
  const answer = async (_: unknown, imports: WebAssembly.Imports) => {
    state.memory = memoryOf(imports);
    const instance = new WebAssembly.Instance(module, imports);
    return { module, instance: { exports: watched(instance.exports) } };
  };
  Reflect.set(WebAssembly, "instantiate", answer);
  try {
    return await work();
  } finally {
    Reflect.set(WebAssembly, "instantiate", original);
  }
}

function memoryOf(imports: WebAssembly.Imports): WebAssembly.Memory {
  for (const values of Object.values(imports)) {
    for (const value of Object.values(values)) {
      if (value instanceof WebAssembly.Memory) return value;
    }
  }
  throw new EngineError("trap");
}

/** The exports, each call looked at while a session is made. Names are minified, so calls are known by their arguments. */
function watched(exports: WebAssembly.Exports): WebAssembly.Exports {
  const wrapped: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(exports)) {
    wrapped[name] = typeof value === "function" ? watchedCall(value as Exported) : value;
  }
  return wrapped as WebAssembly.Exports;
}

function watchedCall(call: Exported): Exported {
  return (...args) => {
    const copy = state.creating;
    if (copy === null || args.length !== 1) return call(...args);
    if (copy.pointer !== null && args[0] === copy.pointer) {
      // free(pointer): held back.
      copy.free = () => {
        call(...args);
      };
      copy.pointer = null;
      return undefined;
    }
    const result = call(...args);
    // malloc(size of the model).
    if (args[0] === copy.bytes && copy.pointer === null && copy.free === null)
      copy.pointer = result;
    return result;
  };
}
