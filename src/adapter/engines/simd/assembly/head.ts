/** The score head: logit = w2 . tanh(W1 h + b1) + b2, W1 int8 by row, h and all else f32. */
import { pooled } from "./arena";
import { sumRows } from "./lanes";
import { hidden, pooler, poolerBias, poolerScales, scorer, scorerBias } from "./model";

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
