/**
 * Softmax of four rows at once, straight to the 7-bit bytes that the weighted sum reads. Scores
 * come in units of log2, so that e^x is 2^x: the whole part goes to the exponent, a polynomial of
 * degree 3 (relative error 7.5e-5, a probability's step is 4e-3) does the rest. What is below
 * 2^-9 of the row's greatest becomes 0. The sum is that of the bytes, so that the weights used add
 * up to exactly one.
 */
import {
  maxRows,
  packBytes,
  splatLane0,
  splatLane1,
  splatLane2,
  splatLane3,
  sumRowsInt,
} from "./lanes";

/** log2(127) + 2: the greatest score becomes 127, and 0 stands for a quarter of a step. */
const TOP: f32 = 8.988684686772165;

/** 2^x * 127 as integers; `shift` is the row's greatest score minus `TOP`. */
function power(score: v128, shift: v128): v128 {
  const z = f32x4.relaxed_max(f32x4.sub(score, shift), f32x4.splat(0));
  const whole = i32x4.relaxed_trunc_f32x4_s(z);
  const f = f32x4.sub(z, f32x4.convert_i32x4_s(whole));
  // Coefficients of 2^f / 4.
  let p = f32x4.splat(<f32>(0.07802446186542511 / 4));
  p = f32x4.relaxed_madd(p, f, f32x4.splat(<f32>(0.22606724500656128 / 4)));
  p = f32x4.relaxed_madd(p, f, f32x4.splat(<f32>(0.6958335041999817 / 4)));
  p = f32x4.relaxed_madd(p, f, f32x4.splat(<f32>(0.9999251961708069 / 4)));
  const value = i32x4.add(p, i32x4.shl(whole, 23));
  return i32x4.relaxed_trunc_f32x4_s(f32x4.add(value, f32x4.splat(0.5)));
}

/** The greatest value of each row over `groups` groups of `[4 rows][4 keys]` f32. */
export function rowMaxima(scores: usize, groups: i32, maxima: v128): v128 {
  let m0 = v128.load(scores);
  let m1 = v128.load(scores, 16);
  let m2 = v128.load(scores, 32);
  let m3 = v128.load(scores, 48);
  const end = scores + <usize>(groups << 6);
  for (let p = scores + 64; p < end; p += 64) {
    m0 = f32x4.relaxed_max(m0, v128.load(p));
    m1 = f32x4.relaxed_max(m1, v128.load(p, 16));
    m2 = f32x4.relaxed_max(m2, v128.load(p, 32));
    m3 = f32x4.relaxed_max(m3, v128.load(p, 48));
  }
  return f32x4.relaxed_max(maxima, maxRows(m0, m1, m2, m3));
}

/**
 * Scores `[groups][4 rows][4 keys]` to bytes of the same order; returns the bytes' sums by row
 * (i32) added to `sums`. Of the last group only `keys` mod 4 count (all when that is 0).
 */
export function exponentials(scores: usize, keys: i32, maxima: v128, out: usize, sums: v128): v128 {
  const shift = f32x4.sub(maxima, f32x4.splat(TOP));
  const s0 = splatLane0(shift);
  const s1 = splatLane1(shift);
  const s2 = splatLane2(shift);
  const s3 = splatLane3(shift);
  let t0 = i32x4.splat(0);
  let t1 = i32x4.splat(0);
  let t2 = i32x4.splat(0);
  let t3 = i32x4.splat(0);
  const end = scores + <usize>((keys >> 2) << 6);
  for (; scores < end; scores += 64) {
    const e0 = power(v128.load(scores), s0);
    const e1 = power(v128.load(scores, 16), s1);
    const e2 = power(v128.load(scores, 32), s2);
    const e3 = power(v128.load(scores, 48), s3);
    t0 = i32x4.add(t0, e0);
    t1 = i32x4.add(t1, e1);
    t2 = i32x4.add(t2, e2);
    t3 = i32x4.add(t3, e3);
    v128.store(out, packBytes(e0, e1, e2, e3));
    out += 16;
  }
  const rest = keys & 3;
  if (rest) {
    const mask = i32x4.lt_s(i32x4(0, 1, 2, 3), i32x4.splat(rest));
    const e0 = v128.and(power(v128.load(scores), s0), mask);
    const e1 = v128.and(power(v128.load(scores, 16), s1), mask);
    const e2 = v128.and(power(v128.load(scores, 32), s2), mask);
    const e3 = v128.and(power(v128.load(scores, 48), s3), mask);
    t0 = i32x4.add(t0, e0);
    t1 = i32x4.add(t1, e1);
    t2 = i32x4.add(t2, e2);
    t3 = i32x4.add(t3, e3);
    v128.store(out, packBytes(e0, e1, e2, e3));
    out += 16;
  }
  // The weighted sum takes two groups a step.
  if (((keys + 3) >> 2) & 1) v128.store(out, i32x4.splat(0));
  return i32x4.add(sums, sumRowsInt(t0, t1, t2, t3));
}
