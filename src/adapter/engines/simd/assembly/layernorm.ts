/** Residual sum and LayerNorm over f32 panels of four rows. */
import { splatLane0, splatLane1, splatLane2, splatLane3, sumRows } from "./lanes";

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
