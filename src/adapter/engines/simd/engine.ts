/**
 * The encoder on our own WebAssembly. Prefixes lie in slots of its memory. A call computes without giving way, so two
 * calls cannot interleave, and one working space is enough.
 *
 * Started on a verified bundle, it reads `encoder.bin` from the store straight into WebAssembly memory and takes the
 * SHA-256 there, before it computes anything with it: JavaScript never holds the weights.
 */
import { pause } from "../../../net/sharedWork.ts";
import {
  type Bundle,
  BundleFileError,
  type BundleFiles,
  BundleStoreError,
  checkedFile,
  fileFault,
  sha256Hex,
  type Verified,
} from "../../bundle.ts";
import { type EncoderInput, type Engine, EngineError, type Prefix } from "../../engine.ts";
import type { ManifestFile } from "../../manifest.ts";
import { type EncoderExports, loadEncoder, type TokenLimits } from "./load.ts";

/** Most prefixes held at once; memory for each is taken when it is first needed. */
const SLOTS = 16;

/** How often an `encodePrefix` that waits for a slot looks again. */
const slotPollMs = 5;

/** A question's keys and values in slot `slot`. */
class SimdPrefix implements Prefix {
  readonly tokens: number;
  /** The size of a slot, whatever the number of tokens. */
  readonly bytes: number;
  readonly owner: SimdEngine;
  slot: number | null;

  constructor(owner: SimdEngine, slot: number, tokens: number, bytes: number) {
    this.owner = owner;
    this.slot = slot;
    this.tokens = tokens;
    this.bytes = bytes;
  }

  release(): void {
    if (this.slot === null) return;
    this.owner.giveBack(this.slot);
    this.slot = null;
  }
}

/**
 * Starts an engine from the bytes of `encoder.bin` or the stream of them.
 * Rejects with `SimdStartError`.
 */
export async function startSimdEngine(
  module: WebAssembly.Module,
  source: Uint8Array | ReadableStream<Uint8Array>,
  limits: TokenLimits,
): Promise<SimdEngine> {
  return new SimdEngine(await loadEncoder(module, source, limits), limits, SLOTS);
}

export class SimdEngine implements Engine {
  #encoder: EncoderExports | null;
  readonly #limits: TokenLimits;
  readonly #free: number[];
  #broken = false;
  #heapBytes: number;

  constructor(encoder: EncoderExports, limits: TokenLimits, slots: number) {
    this.#encoder = encoder;
    this.#limits = limits;
    this.#free = Array.from({ length: slots }, (_, index) => slots - 1 - index);
    this.#heapBytes = encoder.memory.buffer.byteLength;
  }

  /** Waits while all slots are taken. */
  async encodePrefix(input: EncoderInput): Promise<Prefix> {
    const tokens = input.ids.length;
    this.#check(input, this.#limits.prefixTokens);
    while (this.#free.length === 0) {
      await pause(slotPollMs);
      this.#working();
    }
    const slot = this.#free.pop();
    if (slot === undefined) throw new EngineError("trap");
    try {
      this.#run(input, (encoder) => {
        if (!encoder.openSlot(slot)) throw new EngineError("out_of_memory");
        encoder.prefix(slot, tokens);
      });
    } catch (error) {
      this.#free.push(slot);
      throw error;
    }
    return new SimdPrefix(this, slot, tokens, this.#working().slotSize());
  }

  async score(prefix: Prefix, candidate: EncoderInput): Promise<number> {
    if (!(prefix instanceof SimdPrefix) || prefix.owner !== this) throw new EngineError("shape");
    const { slot } = prefix;
    if (slot === null) throw new EngineError("closed");
    this.#check(candidate, this.#limits.candidateTokens);
    const logit = this.#run(candidate, (encoder) =>
      encoder.score(slot, prefix.tokens, candidate.ids.length),
    );
    if (!Number.isFinite(logit)) throw new EngineError("not_finite");
    return logit;
  }

  heapBytes(): number {
    return this.#heapBytes;
  }

  /** A view of `encoder.bin` in WebAssembly memory. Drop it before any other call. */
  weights(): Uint8Array<ArrayBuffer> {
    const { memory, headerAt, weightsBytes } = this.#working();
    return new Uint8Array(memory.buffer as ArrayBuffer, headerAt(), weightsBytes());
  }

  /** Drops the instance. Its memory is freed with the last reference to it. */
  async close(): Promise<void> {
    this.#encoder = null;
    this.#heapBytes = 0;
  }

  /** For `SimdPrefix.release`. */
  giveBack(slot: number): void {
    this.#free.push(slot);
  }

  #working(): EncoderExports {
    if (this.#encoder === null) throw new EngineError("closed");
    if (this.#broken) throw new EngineError("trap");
    return this.#encoder;
  }

  /** The encoder trusts its input: lengths and ids are checked here. */
  #check(input: EncoderInput, most: number): void {
    const vocabulary = this.#working().vocabularySize();
    const { length } = input.ids;
    const known = (id: number) => Number.isInteger(id) && id >= 0 && id < vocabulary;
    if (length === 0 || length > most || !input.ids.every(known)) throw new EngineError("shape");
  }

  #run<Value>(input: EncoderInput, work: (encoder: EncoderExports) => Value): Value {
    const encoder = this.#working();
    const ids = new Int32Array(encoder.memory.buffer, encoder.idsAt(), input.ids.length);
    ids.set(input.ids);
    try {
      return work(encoder);
    } catch (error) {
      if (error instanceof EngineError) throw error;
      // After a trap the memory may be in any state.
      this.#broken = true;
      throw new EngineError("trap", { cause: error });
    } finally {
      this.#heapBytes = encoder.memory.buffer.byteLength;
    }
  }
}

/**
 * Starts from the bytes that were kept of role `simd`, or from the store where that role was left unread.
 * Rejects with `SimdStartError`, `BundleFileError` for a file that is not the manifest's, or `BundleStoreError`.
 */
export async function startOnBundle(
  module: WebAssembly.Module,
  bundle: Verified<Bundle>,
): Promise<Engine> {
  const { manifest, contents, files } = bundle;
  const kept = contents.get("simd");
  if (kept !== undefined) return startSimdEngine(module, kept, manifest.budget);
  const entry = manifest.files.find(({ role }) => role === "simd");
  if (entry === undefined) throw new BundleFileError({ kind: "role_missing", role: "simd" });
  const body = files.stream === undefined ? null : await ofStore(files.stream(entry.path));
  if (body === null) {
    return startSimdEngine(module, await readWhole(files, entry), manifest.budget);
  }
  let engine: SimdEngine;
  try {
    engine = await startSimdEngine(module, body, manifest.budget);
  } catch (error) {
    // A damaged file is a fault of the bundle; a shape that this engine cannot run is not; a broken stream is neither.
    const whole = await readWhole(files, entry);
    if (error instanceof EngineError) throw error;
    return startSimdEngine(module, whole, manifest.budget);
  }
  const weights = engine.weights();
  const found = { bytes: weights.byteLength, sha256: await sha256Hex(weights) };
  const fault = fileFault(entry, found);
  if (fault === null) return engine;
  await engine.close();
  throw new BundleFileError(fault);
}

async function readWhole(files: BundleFiles, entry: ManifestFile): Promise<Uint8Array> {
  const bytes = await ofStore(checkedFile(files, entry));
  if (!bytes.ok) throw new BundleFileError(bytes.failure);
  return bytes.value;
}

/** Keeps the store's own failures apart from the engine's. */
async function ofStore<Value>(reading: Promise<Value>): Promise<Value> {
  try {
    return await reading;
  } catch (cause) {
    throw new BundleStoreError(cause);
  }
}
