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
} from "./lanes";

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
  const step = f32x4.add(
    f32x4.mul(f32x4.sub(high, low), f32x4.splat(<f32>(1.0 / 126.0))),
    f32x4.splat(<f32>1e-12),
  );
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
