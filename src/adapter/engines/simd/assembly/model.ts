/**
 * The model's dimensions and where its parts stand in linear memory. `encoder.bin` is copied as it
 * is to the arena's start; every offset follows from the dimensions, in the order that
 * `pack_simd.py` writes. All numbers are little-endian, every section starts at 64 bytes.
 *
 * Header, 128 bytes of u32: magic, layout version, layers, hidden, heads, intermediate,
 * vocabulary, positions, token types, weight bits, LayerNorm epsilon (f32), bytes of the file; from
 * layout 2 on bits of a token embedding. In layout 1 all weights have 8 bits.
 */
import { linearBytes } from "./gemm";
import { GROUP, takeWeightBits } from "./unpack";

const MAGIC: u32 = 0x4e45414d; // "MAEN"
const EIGHT_BITS: u32 = 1;
const ANY_BITS: u32 = 2;
export const HEADER_BYTES: usize = 128;

export let layers: i32 = 0;
export let hidden: i32 = 0;
export let heads: i32 = 0;
export let headWidth: i32 = 0;
export let intermediate: i32 = 0;
export let vocabulary: i32 = 0;
export let positions: i32 = 0;
export let types: i32 = 0;
export let epsilon: f32 = 0;
/** Bits of a token embedding: 8 or 4. */
export let wordBits: i32 = 8;

/** Addresses of the parts. */
export let words: usize = 0;
export let wordScales: usize = 0;
export let places: usize = 0;
export let placeScales: usize = 0;
export let kinds: usize = 0;
export let embeddingNorm: usize = 0;
export let firstLayer: usize = 0;
export let layerBytes: usize = 0;
export let pooler: usize = 0;
export let poolerScales: usize = 0;
export let poolerBias: usize = 0;
export let scorer: usize = 0;
export let scorerBias: usize = 0;
export let weightsEnd: usize = 0;

/** Offsets inside a layer. */
export let queryOffset: usize = 0;
export let keyOffset: usize = 0;
export let valueOffset: usize = 0;
export let outputOffset: usize = 0;
export let attentionNormOffset: usize = 0;
export let upOffset: usize = 0;
export let downOffset: usize = 0;
export let outputNormOffset: usize = 0;

/** The next multiple of 64. */
export function align64(at: usize): usize {
  return (at + 63) & ~(<usize>63);
}

/** Reads the header at `base`. Returns 0, or 1 not ours, 2 other layout, 3 a shape we cannot run. */
export function readModel(base: usize): i32 {
  if (load<u32>(base) !== MAGIC) return 1;
  const layout = load<u32>(base, 4);
  const bits = load<i32>(base, 36);
  if (layout !== EIGHT_BITS && layout !== ANY_BITS) return 2;
  wordBits = layout === ANY_BITS ? load<i32>(base, 48) : 8;
  if ((bits !== 8 && bits !== 4) || (wordBits !== 8 && wordBits !== 4)) return 2;
  if (layout === EIGHT_BITS && bits !== 8) return 2;
  takeWeightBits(bits);
  layers = load<i32>(base, 8);
  hidden = load<i32>(base, 12);
  heads = load<i32>(base, 16);
  intermediate = load<i32>(base, 20);
  vocabulary = load<i32>(base, 24);
  positions = load<i32>(base, 28);
  types = load<i32>(base, 32);
  epsilon = load<f32>(base, 40);
  if (!plausible(layers, 48) || !plausible(hidden, 2048) || !plausible(heads, 64)) return 3;
  if (!plausible(intermediate, 8192) || !plausible(vocabulary, 1 << 20)) return 3;
  if (!plausible(positions, 8192) || !plausible(types, 16)) return 3;
  headWidth = hidden / heads;
  // The weighted sum works on 8 channels a tile, the linear layers on 8 inputs a step.
  if (headWidth * heads !== hidden || (headWidth & 7) !== 0 || (intermediate & 7) !== 0) return 3;
  const grouped = (hidden | (bits === 4 ? intermediate : 0)) & (GROUP - 1);
  if ((bits === 4 || wordBits === 4) && grouped !== 0) return 3;
  place(base);
  return load<u32>(base, 44) === <u32>(weightsEnd - base) ? 0 : 3;
}

function plausible(value: i32, most: i32): bool {
  return value > 0 && value <= most;
}

function place(base: usize): void {
  const row = <usize>hidden;
  words = base + HEADER_BYTES;
  const table = <usize>vocabulary * row;
  const four = wordBits === 4;
  wordScales = align64(words + (four ? table >> 1 : table));
  places = align64(wordScales + (four ? table >> 4 : 4 * <usize>vocabulary));
  placeScales = align64(places + <usize>positions * row);
  kinds = align64(placeScales + 4 * <usize>positions);
  embeddingNorm = align64(kinds + 4 * <usize>types * row);
  firstLayer = align64(embeddingNorm + 8 * row);

  const square = align64(<usize>linearBytes(hidden, hidden));
  queryOffset = 0;
  keyOffset = square;
  valueOffset = 2 * square;
  outputOffset = 3 * square;
  attentionNormOffset = 4 * square;
  upOffset = align64(attentionNormOffset + 8 * row);
  downOffset = align64(upOffset + <usize>linearBytes(intermediate, hidden));
  outputNormOffset = align64(downOffset + <usize>linearBytes(hidden, intermediate));
  layerBytes = align64(outputNormOffset + 8 * row);

  pooler = firstLayer + <usize>layers * layerBytes;
  poolerScales = align64(pooler + row * row);
  poolerBias = align64(poolerScales + 4 * row);
  scorer = align64(poolerBias + 4 * row);
  scorerBias = align64(scorer + 4 * row);
  weightsEnd = align64(scorerBias + 4);
}
