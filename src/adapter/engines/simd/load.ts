/**
 * Reads `encoder.bin` into a WebAssembly instance, piece by piece, to where the encoder reads it. JavaScript never holds
 * a second copy of the weights.
 */
import { EngineError, type EngineFailureReason } from "../../engine.ts";

/** What `assembly/index.ts` exports. Addresses and sizes are byte offsets into `memory`. */
export interface EncoderExports {
  readonly memory: WebAssembly.Memory;
  headerAt(): number;
  configure(prefixTokens: number, candidateTokens: number): number;
  weightsBytes(): number;
  vocabularySize(): number;
  idsAt(): number;
  slotSize(): number;
  openSlot(slot: number): number;
  prefix(slot: number, tokens: number): void;
  score(slot: number, prefixTokens: number, tokens: number): number;
  kernel(): number;
  setKernel(pairs: number): void;
}

/** Most tokens of a prefix and of a candidate. The memory layout depends on them. */
export interface TokenLimits {
  readonly prefixTokens: number;
  readonly candidateTokens: number;
}

/**
 * - `unsupported`: this runtime has no relaxed SIMD, or its results differ from the specification.
 * - `not_an_encoder`, `other_layout`: not an `encoder.bin`, or one of another version.
 * - `unsupported_shape`: dimensions that the kernels cannot run, or a file size that does not fit them.
 * - `out_of_memory`: the heap cannot grow to the size that model and limits need.
 * - `limits`: the token limits do not fit the model's positions.
 * - `cut_short`: the bytes end early, or go on after the end.
 */
export type SimdStartFailure =
  | "unsupported"
  | "not_an_encoder"
  | "other_layout"
  | "unsupported_shape"
  | "out_of_memory"
  | "limits"
  | "cut_short";

/** Why an engine could not start. To the ranker it is an `EngineError` like any other. */
export class SimdStartError extends EngineError {
  readonly failure: SimdStartFailure;

  constructor(failure: SimdStartFailure, options?: ErrorOptions) {
    super(reasonOf(failure), options);
    this.name = "SimdStartError";
    this.failure = failure;
  }
}

function reasonOf(failure: SimdStartFailure): EngineFailureReason {
  if (failure === "out_of_memory") return failure;
  return failure === "unsupported" ? "trap" : "shape";
}

const headerBytes = 128;
const pageBytes = 65_536;

/** By the code that `configure` returns. */
const refusals: readonly (SimdStartFailure | null)[] = [
  null,
  "not_an_encoder",
  "other_layout",
  "unsupported_shape",
  "out_of_memory",
  "limits",
  "unsupported",
];

/** Compiles bytes, where the runtime allows it. Throws `SimdStartError` `unsupported`. */
export function compileEncoder(bytes: Uint8Array<ArrayBuffer>): WebAssembly.Module {
  try {
    // The Worker types hide Node's constructor, since workerd cannot compile bytes.
    return Reflect.construct(WebAssembly.Module, [bytes]);
  } catch (error) {
    throw new SimdStartError("unsupported", { cause: error });
  }
}

/** Makes an instance and fills it with the weights. Rejects with `SimdStartError`. */
export async function loadEncoder(
  module: WebAssembly.Module,
  source: Uint8Array | ReadableStream<Uint8Array>,
  limits: TokenLimits,
): Promise<EncoderExports> {
  const encoder = instantiate(module);
  const start = encoder.headerAt();
  const header = new Uint8Array(headerBytes);
  let received = 0;
  let total = Number.POSITIVE_INFINITY;
  for await (const chunk of chunks(source)) {
    let rest = chunk;
    if (received < headerBytes) {
      const piece = rest.subarray(0, headerBytes - received);
      header.set(piece, received);
      received += piece.byteLength;
      rest = rest.subarray(piece.byteLength);
      if (received < headerBytes) continue;
      configure(encoder, header, limits);
      total = encoder.weightsBytes();
    }
    if (received + rest.byteLength > total) throw new SimdStartError("cut_short");
    new Uint8Array(encoder.memory.buffer).set(rest, start + received);
    received += rest.byteLength;
  }
  if (received !== total) throw new SimdStartError("cut_short");
  return encoder;
}

function instantiate(module: WebAssembly.Module): EncoderExports {
  try {
    return new WebAssembly.Instance(module, {}).exports as unknown as EncoderExports;
  } catch (error) {
    throw new SimdStartError("unsupported", { cause: error });
  }
}

function configure(encoder: EncoderExports, header: Uint8Array, limits: TokenLimits): void {
  const start = encoder.headerAt();
  const missing = start + headerBytes - encoder.memory.buffer.byteLength;
  if (missing > 0) encoder.memory.grow(Math.ceil(missing / pageBytes));
  new Uint8Array(encoder.memory.buffer).set(header, start);
  const refusal = refusals[encoder.configure(limits.prefixTokens, limits.candidateTokens)];
  if (refusal !== null) throw new SimdStartError(refusal ?? "unsupported");
}

async function* chunks(
  source: Uint8Array | ReadableStream<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  if (source instanceof Uint8Array) {
    yield source;
    return;
  }
  const reader = source.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    // Also when the loader gives up early: the rest of the body is then not read.
    await reader.cancel().catch(() => {});
  }
}
