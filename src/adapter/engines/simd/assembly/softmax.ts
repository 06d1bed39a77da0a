/**
 * Softmax of four rows at once, straight to the 7-bit bytes that the weighted sum reads.
 *
 * Scores come in units of log2, so that e^x is 2^x: the whole part goes to the exponent, a polynomial
 * of degree 3 (relative error 7.5e-5, a byte's step is 8e-3) does the rest. Each block of 64 keys is
 * taken relative to its own greatest score and weighted afterwards: with one scale for all keys, a
 * single token that draws most of the attention would round everything else to nothing (that was
 * the largest error of the whole encoder). The sum is that of the bytes, so that the weights used
 * add up to exactly one.
 */
import {
  maxRows,
  packBytes,
  splatLane0,
  splatLane1,
  splatLane2,
  splatLane3,
  sumRowsInt,
} from "./vectors";

/** Keys of a block. */
export const BLOCK_KEYS: i32 = 64;
/** Bytes of a block's record: 4 greatest scores, later 4 factors; 4 sums (f32). */
export const BLOCK_RECORD: usize = 32;

/** log2(127) + 2: the greatest score becomes 127, and 0 stands for a quarter of a step. */
const TOP: f32 = 8.988684686772165;

/** 127 * 2^(score * step - greatest) as integers; `shift` is `TOP` minus the greatest. */
function power(score: v128, step: v128, shift: v128): v128 {
  const z = f32x4.relaxed_max(f32x4.relaxed_madd(score, step, shift), f32x4.splat(0));
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
function rowMaxima(scores: usize, groups: i32): v128 {
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
  return maxRows(m0, m1, m2, m3);
}

/**
 * Scores of `keys` keys, `[groups][4 rows][4 keys]` and still to be multiplied by the rows' `steps`,
 * to bytes of the same order, rounded up to a multiple of 8 keys. Writes a record for each block of
 * keys; returns the end of the records.
 */
export function weighScores(
  scores: usize,
  keys: i32,
  steps: v128,
  out: usize,
  record: usize,
): usize {
  for (let first = 0; first < keys; first += BLOCK_KEYS) {
    const count = min(BLOCK_KEYS, keys - first);
    const maxima = f32x4.mul(rowMaxima(scores, (count + 3) >> 2), steps);
    const sums = exponentials(scores, count, steps, maxima, out);
    v128.store(record, maxima);
    v128.store(record, f32x4.convert_i32x4_s(sums), 16);
    record += BLOCK_RECORD;
    scores += <usize>(BLOCK_KEYS << 4);
    out += <usize>(BLOCK_KEYS << 2);
  }
  return record;
}

/** Turns the records' greatest scores into the factors with which their blocks' bytes count. */
export function balanceBlocks(records: usize, end: usize): void {
  let greatest = v128.load(records);
  for (let r = records + BLOCK_RECORD; r < end; r += BLOCK_RECORD) {
    greatest = f32x4.relaxed_max(greatest, v128.load(r));
  }
  let total = f32x4.splat(0);
  for (let r = records; r < end; r += BLOCK_RECORD) {
    const factor = power2(f32x4.sub(v128.load(r), greatest));
    v128.store(r, factor);
    total = f32x4.relaxed_madd(factor, v128.load(r, 16), total);
  }
  const inverse = f32x4.div(f32x4.splat(1), total);
  for (let r = records; r < end; r += BLOCK_RECORD) {
    v128.store(r, f32x4.mul(v128.load(r), inverse));
  }
}

/** 2^x for x <= 0, relative error 3e-6. */
function power2(x: v128): v128 {
  const z = f32x4.relaxed_max(x, f32x4.splat(-120));
  const whole = f32x4.floor(z);
  const f = f32x4.sub(z, whole);
  let p = f32x4.splat(<f32>0.01353416033089161);
  p = f32x4.relaxed_madd(p, f, f32x4.splat(<f32>0.05201147496700287));
  p = f32x4.relaxed_madd(p, f, f32x4.splat(<f32>0.2414427548646927));
  p = f32x4.relaxed_madd(p, f, f32x4.splat(<f32>0.6930038332939148));
  p = f32x4.relaxed_madd(p, f, f32x4.splat(<f32>1.0000026226043701));
  return i32x4.add(p, i32x4.shl(i32x4.relaxed_trunc_f32x4_s(whole), 23));
}

/** One block; returns the sums of the bytes by row (i32). `maxima` are times `steps` already. */
function exponentials(scores: usize, keys: i32, steps: v128, maxima: v128, out: usize): v128 {
  const shift = f32x4.sub(f32x4.splat(TOP), maxima);
  const r0 = splatLane0(steps);
  const r1 = splatLane1(steps);
  const r2 = splatLane2(steps);
  const r3 = splatLane3(steps);
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
    const e0 = power(v128.load(scores), r0, s0);
    const e1 = power(v128.load(scores, 16), r1, s1);
    const e2 = power(v128.load(scores, 32), r2, s2);
    const e3 = power(v128.load(scores, 48), r3, s3);
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
    const e0 = v128.and(power(v128.load(scores), r0, s0), mask);
    const e1 = v128.and(power(v128.load(scores, 16), r1, s1), mask);
    const e2 = v128.and(power(v128.load(scores, 32), r2, s2), mask);
    const e3 = v128.and(power(v128.load(scores, 48), r3, s3), mask);
    t0 = i32x4.add(t0, e0);
    t1 = i32x4.add(t1, e1);
    t2 = i32x4.add(t2, e2);
    t3 = i32x4.add(t3, e3);
    v128.store(out, packBytes(e0, e1, e2, e3));
    out += 16;
  }
  // The weighted sum takes two groups a step.
  if (((keys + 3) >> 2) & 1) v128.store(out, i32x4.splat(0));
  return sumRowsInt(t0, t1, t2, t3);
}
