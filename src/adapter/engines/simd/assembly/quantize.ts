/**
 * Activations to 7 bits, by row, with the range from the row's least to its greatest value: after
 * LayerNorm single large values stand on one side, after GELU nothing is under -0.17, so a
 * symmetric range would waste up to half of the steps. Zero is exactly a step.
 */
import {
  maxRows,
  minRows,
  packBytes,
  splatLane0,
  splatLane1,
  splatLane2,
  splatLane3,
} from "./vectors";

/**
 * Quantizes one f32 panel `[n/4][4 rows][4]` to bytes 0..127 `[n/4][4 rows][4]`.
 * `record` receives 4 steps and 4 offsets (x = step * q + offset).
 */
export function quantizePanel(x: usize, n: i32, out: usize, record: usize): void {
  let high0 = v128.load(x);
  let high1 = v128.load(x, 16);
  let high2 = v128.load(x, 32);
  let high3 = v128.load(x, 48);
  let low0 = high0;
  let low1 = high1;
  let low2 = high2;
  let low3 = high3;
  const end = x + <usize>(n << 4);
  for (let p = x + 64; p < end; p += 64) {
    let v = v128.load(p);
    high0 = f32x4.relaxed_max(high0, v);
    low0 = f32x4.relaxed_min(low0, v);
    v = v128.load(p, 16);
    high1 = f32x4.relaxed_max(high1, v);
    low1 = f32x4.relaxed_min(low1, v);
    v = v128.load(p, 32);
    high2 = f32x4.relaxed_max(high2, v);
    low2 = f32x4.relaxed_min(low2, v);
    v = v128.load(p, 48);
    high3 = f32x4.relaxed_max(high3, v);
    low3 = f32x4.relaxed_min(low3, v);
  }
  const high = maxRows(high0, high1, high2, high3);
  const low = minRows(low0, low1, low2, low3);
  // 126 steps, not 127: rounding the zero point can push the greatest value up by one.
  // A step is at least 4e-6 of the greatest magnitude: of a row with (almost) no spread, rounding
  // would else carry the bytes out of their range.
  const floor = f32x4.relaxed_madd(
    f32x4.relaxed_max(high, f32x4.neg(low)),
    f32x4.splat(<f32>4e-6),
    f32x4.splat(<f32>1e-12),
  );
  const step = f32x4.relaxed_madd(f32x4.sub(high, low), f32x4.splat(<f32>(1.0 / 126.0)), floor);
  const inverse = f32x4.div(f32x4.splat(1), step);
  const zero = f32x4.nearest(f32x4.neg(f32x4.mul(low, inverse)));
  v128.store(record, step);
  v128.store(record, f32x4.neg(f32x4.mul(zero, step)), 16);
  // + 0.5: the conversion truncates, and what it gets is not negative.
  const shift = f32x4.add(zero, f32x4.splat(0.5));
  const i0 = splatLane0(inverse);
  const i1 = splatLane1(inverse);
  const i2 = splatLane2(inverse);
  const i3 = splatLane3(inverse);
  const s0 = splatLane0(shift);
  const s1 = splatLane1(shift);
  const s2 = splatLane2(shift);
  const s3 = splatLane3(shift);
  for (let p = x; p < end; p += 64) {
    v128.store(
      out,
      packBytes(
        i32x4.relaxed_trunc_f32x4_s(f32x4.relaxed_madd(v128.load(p), i0, s0)),
        i32x4.relaxed_trunc_f32x4_s(f32x4.relaxed_madd(v128.load(p, 16), i1, s1)),
        i32x4.relaxed_trunc_f32x4_s(f32x4.relaxed_madd(v128.load(p, 32), i2, s2)),
        i32x4.relaxed_trunc_f32x4_s(f32x4.relaxed_madd(v128.load(p, 48), i3, s3)),
      ),
    );
    out += 16;
  }
}

/**
 * What quantizing left of one panel: `x - (step * q + offset)` to 7 bits again, around 63. With it
 * the panel's rows count with 13 bits. `q` and `record` are what `quantizePanel` wrote.
 */
export function quantizeRest(
  x: usize,
  n: i32,
  q: usize,
  record: usize,
  out: usize,
  outRecord: usize,
): void {
  const step = v128.load(record);
  const offset = v128.load(record, 16);
  const fine = f32x4.mul(step, f32x4.splat(<f32>(1.0 / 126.0)));
  v128.store(outRecord, fine);
  v128.store(outRecord, f32x4.mul(fine, f32x4.splat(-63)), 16);
  const inverse = f32x4.div(f32x4.splat(1), fine);
  const end = x + <usize>(n << 4);
  for (; x < end; x += 64, q += 16, out += 16) {
    const low = i16x8.extend_low_i8x16_u(v128.load(q));
    const high = i16x8.extend_high_i8x16_u(v128.load(q));
    v128.store(
      out,
      packBytes(
        rest(
          x,
          i32x4.extend_low_i16x8_u(low),
          splatLane0(step),
          splatLane0(offset),
          splatLane0(inverse),
        ),
        rest(
          x + 16,
          i32x4.extend_high_i16x8_u(low),
          splatLane1(step),
          splatLane1(offset),
          splatLane1(inverse),
        ),
        rest(
          x + 32,
          i32x4.extend_low_i16x8_u(high),
          splatLane2(step),
          splatLane2(offset),
          splatLane2(inverse),
        ),
        rest(
          x + 48,
          i32x4.extend_high_i16x8_u(high),
          splatLane3(step),
          splatLane3(offset),
          splatLane3(inverse),
        ),
      ),
    );
  }
}

function rest(x: usize, q: v128, step: v128, offset: v128, inverse: v128): v128 {
  const known = f32x4.relaxed_madd(f32x4.convert_i32x4_s(q), step, offset);
  const left = f32x4.sub(v128.load(x), known);
  const level = f32x4.relaxed_madd(left, inverse, f32x4.splat(63.5));
  return i32x4.relaxed_trunc_f32x4_s(
    f32x4.relaxed_min(f32x4.relaxed_max(level, f32x4.splat(0)), f32x4.splat(127)),
  );
}
