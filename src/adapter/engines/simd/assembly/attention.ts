/**
 * Attention of one panel of four rows, one head: scores over the prefix's and over its own keys,
 * softmax to bytes, weighted sum over both blocks of values. The tiles are those of `gemm.ts`.
 */
import { blockRecords, round8, scores, weights } from "./arena";
import { headWidth } from "./model";
import { keyStepsAt, valueStepsAt, valuesAt } from "./pack";
import { BLOCK_KEYS, BLOCK_RECORD, balanceBlocks, weighScores } from "./softmax";
import { dot, onesOf, splatLane0, splatLane1, splatLane2, splatLane3 } from "./vectors";

/**
 * Scores of one panel of queries against `panels` panels of 8 keys, `[2 panels][4 rows][4]` f32,
 * still to be multiplied by the row's step.
 */
function scoreKeys<V>(
  q: usize,
  record: usize,
  keys: usize,
  steps: usize,
  panels: i32,
  out: usize,
): void {
  const ones = onesOf<V>();
  const qEnd = q + <usize>(headWidth << 2);
  for (let panel = 0; panel < panels; panel++) {
    let c00 = v128.load32_splat(record, 16);
    let c01 = c00;
    let c10 = v128.load32_splat(record, 20);
    let c11 = c10;
    let c20 = v128.load32_splat(record, 24);
    let c21 = c20;
    let c30 = v128.load32_splat(record, 28);
    let c31 = c30;
    for (let at = q; at < qEnd; at += 16) {
      const k0 = v128.load(keys);
      const k1 = v128.load(keys, 16);
      const x = v128.load(at);
      const x0 = splatLane0(x);
      c00 = dot<V>(c00, x0, k0, ones);
      c01 = dot<V>(c01, x0, k1, ones);
      const x1 = splatLane1(x);
      c10 = dot<V>(c10, x1, k0, ones);
      c11 = dot<V>(c11, x1, k1, ones);
      const x2 = splatLane2(x);
      c20 = dot<V>(c20, x2, k0, ones);
      c21 = dot<V>(c21, x2, k1, ones);
      const x3 = splatLane3(x);
      c30 = dot<V>(c30, x3, k0, ones);
      c31 = dot<V>(c31, x3, k1, ones);
      keys += 32;
    }
    const s0 = v128.load(steps);
    const s1 = v128.load(steps, 16);
    v128.store(out, f32x4.mul(f32x4.convert_i32x4_s(c00), s0));
    v128.store(out, f32x4.mul(f32x4.convert_i32x4_s(c01), s1), 64);
    v128.store(out, f32x4.mul(f32x4.convert_i32x4_s(c10), s0), 16);
    v128.store(out, f32x4.mul(f32x4.convert_i32x4_s(c11), s1), 80);
    v128.store(out, f32x4.mul(f32x4.convert_i32x4_s(c20), s0), 32);
    v128.store(out, f32x4.mul(f32x4.convert_i32x4_s(c21), s1), 96);
    v128.store(out, f32x4.mul(f32x4.convert_i32x4_s(c30), s0), 48);
    v128.store(out, f32x4.mul(f32x4.convert_i32x4_s(c31), s1), 112);
    steps += 32;
    out += 128;
  }
}

/**
 * One tile of 4 rows x 8 channels of the weighted sum over a block of keys, times the block's
 * factors in `record`; added to what is there when `add`.
 */
function weighValues<V>(
  w: usize,
  wEnd: usize,
  v: usize,
  steps: usize,
  record: usize,
  out: usize,
  add: bool,
): void {
  const ones = onesOf<V>();
  let c00 = i32x4.splat(0);
  let c01 = i32x4.splat(0);
  let c10 = i32x4.splat(0);
  let c11 = i32x4.splat(0);
  let c20 = i32x4.splat(0);
  let c21 = i32x4.splat(0);
  let c30 = i32x4.splat(0);
  let c31 = i32x4.splat(0);
  while (w < wEnd) {
    const v0 = v128.load(v);
    const v1 = v128.load(v, 16);
    const x = v128.load(w);
    const x0 = splatLane0(x);
    c00 = dot<V>(c00, v0, x0, ones);
    c01 = dot<V>(c01, v1, x0, ones);
    const x1 = splatLane1(x);
    c10 = dot<V>(c10, v0, x1, ones);
    c11 = dot<V>(c11, v1, x1, ones);
    const x2 = splatLane2(x);
    c20 = dot<V>(c20, v0, x2, ones);
    c21 = dot<V>(c21, v1, x2, ones);
    const x3 = splatLane3(x);
    c30 = dot<V>(c30, v0, x3, ones);
    c31 = dot<V>(c31, v1, x3, ones);
    w += 16;
    v += 32;
  }
  const s0 = v128.load(steps);
  const s1 = v128.load(steps, 16);
  storeMix(out, c00, c01, s0, s1, v128.load32_splat(record), add);
  storeMix(out + 16, c10, c11, s0, s1, v128.load32_splat(record, 4), add);
  storeMix(out + 32, c20, c21, s0, s1, v128.load32_splat(record, 8), add);
  storeMix(out + 48, c30, c31, s0, s1, v128.load32_splat(record, 12), add);
}

function storeMix(
  out: usize,
  lo: v128,
  hi: v128,
  s0: v128,
  s1: v128,
  factor: v128,
  add: bool,
): void {
  let left = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(lo), s0), factor);
  let right = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(hi), s1), factor);
  if (add) {
    left = f32x4.add(left, v128.load(out));
    right = f32x4.add(right, v128.load(out, 64));
  }
  v128.store(out, left);
  v128.store(out, right, 64);
}

/**
 * Attention of one panel and head.
 * @param q its packed queries; @param record their record
 * @param past the prefix's keys and values of this layer (`pastTokens` 0: none)
 * @param own those of the text itself, with room for `ownRoom` rows
 * @param out the panel's f32 output at this head's first channel
 */
export function attend<V>(
  head: i32,
  q: usize,
  record: usize,
  past: usize,
  pastTokens: i32,
  own: usize,
  ownTokens: i32,
  ownRoom: i32,
  out: usize,
): void {
  const d = headWidth;
  const pastRoom = round8(pastTokens);
  const ownRows = round8(ownTokens);
  const ownScores = scores + <usize>(pastRoom << 4);
  const ownWeights = weights + <usize>(pastRoom << 2);

  if (pastTokens) {
    scoreKeys<V>(
      q,
      record,
      past + <usize>(head * pastRoom * d),
      keyStepsAt(past, pastRoom) + <usize>(head * pastRoom * 4),
      pastRoom >> 3,
      scores,
    );
  }
  scoreKeys<V>(
    q,
    record,
    own + <usize>(head * ownRoom * d),
    keyStepsAt(own, ownRoom) + <usize>(head * ownRoom * 4),
    ownRows >> 3,
    ownScores,
  );

  const rowSteps = v128.load(record);
  const ownRecords = weighScores(scores, pastTokens, rowSteps, weights, blockRecords);
  const endOfRecords = weighScores(ownScores, ownTokens, rowSteps, ownWeights, ownRecords);
  balanceBlocks(blockRecords, endOfRecords);

  const channel = head * d;
  for (let c = channel; c < channel + d; c += 8, out += 128) {
    weighBlocks<V>(weights, pastTokens, past, pastRoom, c, blockRecords, out, false);
    weighBlocks<V>(ownWeights, ownTokens, own, ownRoom, c, ownRecords, out, pastTokens !== 0);
  }
}

/** One tile over all blocks of one text's keys. */
function weighBlocks<V>(
  w: usize,
  tokens: i32,
  block: usize,
  room: i32,
  channel: i32,
  record: usize,
  out: usize,
  add: bool,
): void {
  let v = valuesAt(block, room) + <usize>(channel * room);
  const steps = valueStepsAt(block, room) + <usize>(channel << 2);
  const end = w + <usize>(round8(tokens) << 2);
  for (; w < end; w += <usize>(BLOCK_KEYS << 2)) {
    weighValues<V>(w, min(end, w + <usize>(BLOCK_KEYS << 2)), v, steps, record, out, add);
    v += <usize>(BLOCK_KEYS << 3);
    record += BLOCK_RECORD;
    add = true;
  }
}
