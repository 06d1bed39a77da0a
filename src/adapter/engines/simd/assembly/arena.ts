/**
 * Linear memory after the weights: working space for one pass, then the slots that hold encoded
 * prefixes. Everything is placed once; nothing is allocated while scoring. Slots are taken from
 * the memory's end one after the other as they are first used, so the heap grows only with the
 * number of prefixes held at the same time.
 */
import { RECORD } from "./gemm";
import { align64, heads, hidden, intermediate, layers, positions, weightsEnd } from "./model";
import { BLOCK_KEYS, BLOCK_RECORD } from "./softmax";
import { weightBits } from "./unpack";

/**
 * Panels of 4 rows worked on at once in everything that is independent by row: 64 rows, which stay in the L2 cache.
 * With weights of 4 bits 128, because they are unpacked once for every block.
 */
export let blockPanels: i32 = 16;

export let prefixRoom: i32 = 0;
export let candidateRoom: i32 = 0;

export let ids: usize = 0;
/** Residual stream, f32 panels, all rows; and its quantized form with records. */
export let stream: usize = 0;
export let streamBytes: usize = 0;
export let streamRecords: usize = 0;
/** Quantized queries of all rows and heads, with records. */
export let queries: usize = 0;
export let queryRecords: usize = 0;
/** The candidate's own keys and values, one layer. */
export let ownKeysValues: usize = 0;
export let scores: usize = 0;
export let weights: usize = 0;
/** Records of the key blocks, see softmax.ts. */
export let blockRecords: usize = 0;
/** The low parts of the first panel's quantized rows (see `quantizeRest`), with their records. */
export let streamRest: usize = 0;
export let mixedRest: usize = 0;
export let innerRest: usize = 0;
export let pooled: usize = 0;
/** Bytes of the panel of weights that is being multiplied, where they are packed in 4 bits. */
export let unpacked: usize = 0;
/** Projection phase: f32 queries or keys of one block, f32 values of all rows, inverse scales. */
export let projected: usize = 0;
export let values: usize = 0;
export let valueInverses: usize = 0;
/** Block phase (shares memory with the projection phase). */
export let mixed: usize = 0;
export let mixedBytes: usize = 0;
export let mixedRecords: usize = 0;
export let update: usize = 0;
export let inner: usize = 0;
export let innerBytes: usize = 0;
export let innerRecords: usize = 0;

export let slotBytes: usize = 0;
let slotsBegin: usize = 0;

/** Rounds up to a multiple of 8 rows. */
export function round8(rows: i32): i32 {
  return (rows + 7) & ~7;
}

/** Bytes of one layer's keys and values for `rows` (a multiple of 8) rows. */
export function keysValuesBytes(rows: i32): usize {
  return align64(<usize>rows * (2 * <usize>hidden + 4 * <usize>heads) + 4 * <usize>hidden);
}

/** Places the working space. Returns 0, or 4 when memory cannot grow, 5 for limits that do not fit. */
export function placeArena(prefixTokens: i32, candidateTokens: i32): i32 {
  if (prefixTokens < 1 || candidateTokens < 1) return 5;
  if (prefixTokens + candidateTokens > positions) return 5;
  prefixRoom = round8(prefixTokens);
  candidateRoom = round8(candidateTokens);
  const rows = <usize>max(prefixRoom, candidateRoom);
  const width = <usize>hidden;
  blockPanels = weightBits === 4 ? 32 : 16;
  const block = <usize>(blockPanels << 2);
  const recordsOfBlock = block << 3;
  ids = align64(weightsEnd);
  stream = align64(ids + 4 * rows);
  streamBytes = align64(stream + 4 * rows * width);
  streamRecords = align64(streamBytes + rows * width);
  queries = align64(streamRecords + 8 * rows);
  queryRecords = align64(queries + rows * width);
  ownKeysValues = align64(queryRecords + 8 * rows * <usize>heads);
  scores = ownKeysValues + keysValuesBytes(candidateRoom);
  weights = scores + 16 * <usize>(prefixRoom + candidateRoom);
  blockRecords = align64(weights + 4 * <usize>(prefixRoom + candidateRoom));
  streamRest = align64(
    blockRecords + BLOCK_RECORD * <usize>((prefixRoom + candidateRoom) / BLOCK_KEYS + 2),
  );
  mixedRest = streamRest + RECORD + 4 * width;
  innerRest = mixedRest + RECORD + 4 * width;
  pooled = align64(innerRest + RECORD + 4 * <usize>intermediate);
  unpacked = align64(pooled + 4 * width);
  const panelRoom = <usize>(weightBits === 4 ? 8 * max(hidden, intermediate) : 0);
  projected = align64(unpacked + panelRoom);
  values = align64(projected + 4 * block * width);
  valueInverses = align64(values + 4 * rows * width);
  const endOfProjection = align64(valueInverses + 4 * width);
  mixed = projected;
  mixedBytes = align64(mixed + 4 * block * width);
  mixedRecords = align64(mixedBytes + block * width);
  update = align64(mixedRecords + recordsOfBlock);
  inner = align64(update + 4 * block * width);
  innerBytes = align64(inner + 4 * block * <usize>intermediate);
  innerRecords = align64(innerBytes + block * <usize>intermediate);
  slotsBegin = max(endOfProjection, align64(innerRecords + recordsOfBlock));
  slotBytes = <usize>layers * keysValuesBytes(prefixRoom);
  return grow(slotsBegin) ? 0 : 4;
}

/** Address of a slot; the memory must have been grown for it. */
export function slotAt(slot: i32): usize {
  return slotsBegin + <usize>slot * slotBytes;
}

/** Makes the memory reach to `end`. */
export function grow(end: usize): bool {
  const missing = <i32>((end + 0xffff) >> 16) - memory.size();
  return missing <= 0 || memory.grow(missing) >= 0;
}
