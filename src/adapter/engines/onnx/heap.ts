/**
 * Watches ONNX Runtime's WebAssembly heap: the calls by which its JavaScript allocates and frees. Its exports have
 * minified names, so calls are recognised by their arguments.
 *
 * So we can do two things that onnxruntime-web 1.30 has no option for:
 * - Keep a copy that it made and would free. With `use_ort_model_bytes_for_initializers` a session goes on reading its
 *   weights from the model's bytes, but `InferenceSession.create` frees these bytes at its end. The next large allocation
 *   overwrites them (we saw logits turn to NaN after a long prefix). Letting it copy every weight would also be safe, and
 *   would cost 20 MB more.
 * - Lend it our memory where it would allocate. So keys and values stay in the heap between calls. Otherwise there would
 *   be a copy in JavaScript, and one more in the heap at each call.
 */
import { EngineError } from "../../engine.ts";

type Exported = (...args: unknown[]) => unknown;

/** What to watch for while ONNX Runtime works: an allocation of `bytes`, and its freeing. */
interface Watch {
  readonly bytes: number;
  /** Lent: handed out in place of an allocation. Null: note what the allocation returns. */
  readonly lent: number | null;
  pointer: number | null;
  freed: boolean;
}

export class OrtHeap {
  #memory: WebAssembly.Memory | null = null;
  #malloc: Exported | null = null;
  #free: Exported | null = null;
  #watch: Watch | null = null;

  /** 0 before `instantiate`. */
  get bytes(): number {
    return this.#memory?.buffer.byteLength ?? 0;
  }

  /** ONNX Runtime's module on this heap, with every call of its exports watched. */
  instantiate(
    module: WebAssembly.Module,
    imports: WebAssembly.Imports,
  ): { readonly exports: WebAssembly.Exports } {
    this.#memory = memoryOf(imports);
    growSparingly(this.#memory);
    const exports: Record<string, unknown> = {};
    for (const [name, value] of Object.entries(new WebAssembly.Instance(module, imports).exports)) {
      exports[name] = typeof value === "function" ? this.#watchedCall(value as Exported) : value;
    }
    return { exports: exports as WebAssembly.Exports };
  }

  /**
   * Does `work`, in which ONNX Runtime allocates `bytes` for one copy and frees it. Prevents that freeing.
   * Resolves with the copy's address, which the caller gives to `free` in the end.
   */
  async keeping<Value>(bytes: number, work: () => Promise<Value>): Promise<[Value, number]> {
    const watch: Watch = { bytes, lent: null, pointer: null, freed: false };
    this.#watch = watch;
    try {
      const value = await work();
      if (watch.pointer === null || !watch.freed) {
        throw new Error("the copy was not seen, so it may have been freed");
      }
      return [value, watch.pointer];
    } catch (error) {
      if (watch.pointer !== null && watch.freed) this.free(watch.pointer);
      throw error;
    } finally {
      this.#watch = null;
    }
  }

  /** Does `work`, in which ONNX Runtime copies `data`, a view of this heap. The copy becomes `data` itself. */
  async lending<Value>(data: Float32Array, work: () => Promise<Value>): Promise<Value> {
    const { byteLength: bytes, byteOffset: lent } = data;
    this.#watch = { bytes, lent, pointer: null, freed: false };
    try {
      return await work();
    } finally {
      this.#watch = null;
    }
  }

  /** A copy of `data` in the heap, which stays there until `free(copy.byteOffset)`. */
  store(data: Float32Array): Float32Array {
    const pointer = Number(this.#malloc?.(data.byteLength) ?? 0);
    if (pointer === 0 || this.#memory === null) throw new EngineError("out_of_memory");
    const copy = new Float32Array(this.#memory.buffer, pointer, data.length);
    copy.set(data);
    return copy;
  }

  free(pointer: number): void {
    this.#free?.(pointer);
  }

  #watchedCall(call: Exported): Exported {
    return (...args) => {
      const watch = this.#watch;
      const [argument] = args;
      if (watch === null || args.length !== 1) return call(...args);
      if (watch.pointer === null && argument === watch.bytes) {
        // malloc(bytes)
        if (watch.lent === null) this.#malloc = call;
        const pointer = watch.lent ?? call(...args);
        if (pointer !== 0) watch.pointer = Number(pointer);
        return pointer;
      }
      if (watch.pointer !== null && !watch.freed && argument === watch.pointer) {
        // free(pointer)
        this.#free = call;
        watch.freed = true;
        return undefined;
      }
      return call(...args);
    };
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

/**
 * Emscripten asks for a fifth more than it needs; refused, for a tenth; refused again, for a twentieth
 * (its three tries, in this order). An isolate's 128 MB are too few to be generous with.
 */
function growSparingly(memory: WebAssembly.Memory): void {
  const grow = memory.grow.bind(memory);
  let refused = 0;
  memory.grow = (pages) => {
    if (refused < 2) {
      refused += 1;
      throw new RangeError("ask for less");
    }
    refused = 0;
    return grow(pages);
  };
}
