/**
 * The steps that work on f32 panels of four rows: embeddings, residual sum and LayerNorm, GELU, and the score head.
 */

import { pooled } from "./arena";
import {
  hidden,
  kinds,
  placeScales,
  places,
  pooler,
  poolerBias,
  poolerScales,
  scorer,
  scorerBias,
  wordBits,
  wordScales,
  words,
} from "./model";
import { GROUP, halves } from "./unpack";
import { splatLane0, splatLane1, splatLane2, splatLane3, sumRows } from "./vectors";

/** Four bytes in the lowest lane as f32, times a scale. */
function widened(bytes: v128, scale: v128): v128 {
  const wide = i32x4.extend_low_i16x8_s(i16x8.extend_low_i8x16_s(bytes));
  return f32x4.mul(f32x4.convert_i32x4_s(wide), scale);
}

/** Writes row `row` (0..3) of a panel. */
export function embedRow(panel: usize, row: i32, id: i32, position: i32, kind: i32): void {
  const width = <usize>hidden;
  panel += (<usize>row) << 4;
  if (wordBits === 4) wordOf4(panel, id);
  else wordOf8(panel, id);
  let place = places + <usize>position * width;
  let type = kinds + 4 * <usize>kind * width;
  const scale = v128.load32_splat(placeScales + 4 * <usize>position);
  const end = place + width;
  while (place < end) {
    const sum = f32x4.add(v128.load(panel), widened(v128.load32_zero(place), scale));
    v128.store(panel, f32x4.add(sum, v128.load(type)));
    place += 4;
    type += 16;
    panel += 64;
  }
}

function wordOf8(panel: usize, id: i32): void {
  const width = <usize>hidden;
  const scale = v128.load32_splat(wordScales + 4 * <usize>id);
  const word = words + <usize>id * width;
  for (let at = word; at < word + width; at += 4, panel += 64) {
    v128.store(panel, widened(v128.load32_zero(at), scale));
  }
}

/** A group's 16 bytes hold its first 16 values in their low halves, the others in the high ones, plus 8. */
function wordOf4(panel: usize, id: i32): void {
  const groups = hidden / GROUP;
  let at = words + <usize>id * <usize>(hidden >> 1);
  let scales = wordScales + 2 * <usize>(id * groups);
  for (let group = 0; group < groups; group++, at += 16, scales += 2, panel += 512) {
    const x = v128.load(at);
    const scale = halves(i32x4.splat(<i32>load<u16>(scales)));
    spread(panel, i8x16.sub(v128.and(x, i8x16.splat(15)), i8x16.splat(8)), scale);
    spread(panel + 256, i8x16.sub(i8x16.shr_u(x, 4), i8x16.splat(8)), scale);
  }
}

/** 16 bytes, times a scale, to four places of the panel. */
function spread(panel: usize, bytes: v128, scale: v128): void {
  v128.store(panel, widened(bytes, scale));
  v128.store(panel, widened(i32x4.shuffle(bytes, bytes, 1, 1, 1, 1), scale), 64);
  v128.store(panel, widened(i32x4.shuffle(bytes, bytes, 2, 2, 2, 2), scale), 128);
  v128.store(panel, widened(i32x4.shuffle(bytes, bytes, 3, 3, 3, 3), scale), 192);
}

/**
 * x = LayerNorm(x + y) for one panel of width `n`, in place; `y` 0 for no residual.
 * @param norm gains `[n]` then biases `[n]` (f32)
 */
export function layerNormPanel(x: usize, y: usize, n: i32, norm: usize, epsilon: f32): void {
  const end = x + <usize>(n << 4);
  let s0 = f32x4.splat(0);
  let s1 = f32x4.splat(0);
  let s2 = f32x4.splat(0);
  let s3 = f32x4.splat(0);
  if (y) {
    for (let p = x; p < end; p += 64, y += 64) {
      let v = f32x4.add(v128.load(p), v128.load(y));
      v128.store(p, v);
      s0 = f32x4.add(s0, v);
      v = f32x4.add(v128.load(p, 16), v128.load(y, 16));
      v128.store(p, v, 16);
      s1 = f32x4.add(s1, v);
      v = f32x4.add(v128.load(p, 32), v128.load(y, 32));
      v128.store(p, v, 32);
      s2 = f32x4.add(s2, v);
      v = f32x4.add(v128.load(p, 48), v128.load(y, 48));
      v128.store(p, v, 48);
      s3 = f32x4.add(s3, v);
    }
  } else {
    for (let p = x; p < end; p += 64) {
      s0 = f32x4.add(s0, v128.load(p));
      s1 = f32x4.add(s1, v128.load(p, 16));
      s2 = f32x4.add(s2, v128.load(p, 32));
      s3 = f32x4.add(s3, v128.load(p, 48));
    }
  }
  const share = f32x4.splat(<f32>1 / <f32>n);
  const mean = f32x4.mul(sumRows(s0, s1, s2, s3), share);
  const m0 = splatLane0(mean);
  const m1 = splatLane1(mean);
  const m2 = splatLane2(mean);
  const m3 = splatLane3(mean);
  s0 = f32x4.splat(0);
  s1 = f32x4.splat(0);
  s2 = f32x4.splat(0);
  s3 = f32x4.splat(0);
  for (let p = x; p < end; p += 64) {
    let v = f32x4.sub(v128.load(p), m0);
    s0 = f32x4.relaxed_madd(v, v, s0);
    v = f32x4.sub(v128.load(p, 16), m1);
    s1 = f32x4.relaxed_madd(v, v, s1);
    v = f32x4.sub(v128.load(p, 32), m2);
    s2 = f32x4.relaxed_madd(v, v, s2);
    v = f32x4.sub(v128.load(p, 48), m3);
    s3 = f32x4.relaxed_madd(v, v, s3);
  }
  const variance = f32x4.mul(sumRows(s0, s1, s2, s3), share);
  const scale = f32x4.div(f32x4.splat(1), f32x4.sqrt(f32x4.add(variance, f32x4.splat(epsilon))));
  const r0 = splatLane0(scale);
  const r1 = splatLane1(scale);
  const r2 = splatLane2(scale);
  const r3 = splatLane3(scale);
  const toBias = <usize>(n << 2);
  for (let p = x; p < end; p += 64, norm += 16) {
    const gain = v128.load(norm);
    const bias = v128.load(norm + toBias);
    let v = f32x4.mul(f32x4.sub(v128.load(p), m0), r0);
    v128.store(p, f32x4.relaxed_madd(v, gain, bias));
    v = f32x4.mul(f32x4.sub(v128.load(p, 16), m1), r1);
    v128.store(p, f32x4.relaxed_madd(v, gain, bias), 16);
    v = f32x4.mul(f32x4.sub(v128.load(p, 32), m2), r2);
    v128.store(p, f32x4.relaxed_madd(v, gain, bias), 32);
    v = f32x4.mul(f32x4.sub(v128.load(p, 48), m3), r3);
    v128.store(p, f32x4.relaxed_madd(v, gain, bias), 48);
  }
}

/** GELU of four values. */
export function gelu4(x: v128): v128 {
  const a = f32x4.relaxed_min(f32x4.abs(x), f32x4.splat(4));
  let g = f32x4.splat(<f32>5.727303141611628e-5);
  g = f32x4.relaxed_madd(g, a, f32x4.splat(<f32>-0.0015833188081160188));
  g = f32x4.relaxed_madd(g, a, f32x4.splat(<f32>0.016229718923568726));
  g = f32x4.relaxed_madd(g, a, f32x4.splat(<f32>-0.07975923269987106));
  g = f32x4.relaxed_madd(g, a, f32x4.splat(<f32>0.18364939093589783));
  g = f32x4.relaxed_madd(g, a, f32x4.splat(<f32>-0.09010646492242813));
  g = f32x4.relaxed_madd(g, a, f32x4.splat(<f32>-0.3652641773223877));
  g = f32x4.relaxed_madd(g, a, f32x4.splat(<f32>0.495218425989151));
  g = f32x4.relaxed_madd(g, a, f32x4.splat(<f32>0.00011130455823149532));
  return f32x4.sub(f32x4.relaxed_max(x, f32x4.splat(0)), g);
}

/** GELU of one f32 panel of width `n`, in place. */
export function geluPanel(x: usize, n: i32): void {
  const end = x + <usize>(n << 4);
  for (; x < end; x += 64) {
    v128.store(x, gelu4(v128.load(x)));
    v128.store(x, gelu4(v128.load(x, 16)), 16);
    v128.store(x, gelu4(v128.load(x, 32)), 32);
    v128.store(x, gelu4(v128.load(x, 48)), 48);
  }
}

/** Logit of the first row of the first panel of `stream`. */
export function scoreFirst(stream: usize): f32 {
  const width = <usize>hidden;
  for (let group = <usize>0; group < width >> 2; group++) {
    v128.store(pooled + (group << 4), v128.load(stream + (group << 6)));
  }
  let logit = load<f32>(scorerBias);
  let row = pooler;
  const zero = f32x4.splat(0);
  for (let j = <usize>0; j < width; j++) {
    let sum = zero;
    const end = row + width;
    for (let at = pooled; row < end; row += 4, at += 16) {
      const wide = i32x4.extend_low_i16x8_s(i16x8.extend_low_i8x16_s(v128.load32_zero(row)));
      sum = f32x4.relaxed_madd(f32x4.convert_i32x4_s(wide), v128.load(at), sum);
    }
    const dotted = f32x4.extract_lane(sumRows(sum, zero, zero, zero), 0);
    const x = dotted * load<f32>(poolerScales + 4 * j) + load<f32>(poolerBias + 4 * j);
    logit += load<f32>(scorer + 4 * j) * Mathf.tanh(x);
  }
  return logit;
}
