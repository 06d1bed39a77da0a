/**
 * Steps on whole vectors: products of bytes with their sum, and four vectors that hold four rows each (reductions by
 * row, packing to bytes).
 *
 * The arithmetic step of the engine is 16 products of signed bytes with 7-bit unsigned bytes, summed in
 * fours into i32 lanes. There are two ways to say it in relaxed SIMD:
 *
 * - `i32x4.relaxed_dot_i8x16_i7x16_add_s` is one instruction with AVX-VNNI (`vpdpbusd`) or on ARM
 *   (`sdot`); on other x86 processors V8 spells it with five and builds a constant each time;
 * - there, `i16x8.relaxed_dot_i8x16_i7x16_s` (`pmaddubsw`) and `i32x4.dot_i16x8_s` (`pmaddwd`) with
 *   the constant kept in a register are faster, and faster still when the i16 sums of two steps are
 *   added before they are widened (`dotTwice`).
 *
 * Relaxed operations may differ between processors only when the unsigned operand has its top bit
 * set, or when a sum leaves the i16 range. Ours never does: the unsigned operand is at most 127, so
 * a pair is within 2 * 127 * -128 = -32512; and `dotTwice` is only for weights of which
 * `pack_simd.py` made sure that no four that meet in one sum exceed 258 (258 * 127 = 32766). All
 * ways therefore give the same integers everywhere.
 *
 * The type parameter chooses at compile time: `u8` the first way, `u16` the second.
 */

/** Eight i16 ones, in memory: V8 would build a constant anew at each use. */
const onesAt: usize = memory.data<i16>([1, 1, 1, 1, 1, 1, 1, 1], 16);

/** The constant of the second way, to be kept in a variable over the loop. */
export function onesOf<V>(): v128 {
  return sizeof<V>() === 1 ? i32x4.splat(0) : v128.load(onesAt);
}

/** `acc + signed . unsigned7`, four products a lane; `ones` is `onesOf<V>()`. */
export function dot<V>(acc: v128, signed: v128, unsigned7: v128, ones: v128): v128 {
  if (sizeof<V>() === 1) {
    return i32x4.relaxed_dot_i8x16_i7x16_add_s(signed, unsigned7, acc);
  }
  return i32x4.add(
    acc,
    i32x4.dot_i16x8_s(i16x8.relaxed_dot_i8x16_i7x16_s(signed, unsigned7), ones),
  );
}

/** `acc + a . x + b . y` for two steps of weights `a` and `b`; see above for the range they must keep. */
export function dotTwice<V>(acc: v128, a: v128, x: v128, b: v128, y: v128, ones: v128): v128 {
  if (sizeof<V>() === 1) {
    return i32x4.relaxed_dot_i8x16_i7x16_add_s(
      b,
      y,
      i32x4.relaxed_dot_i8x16_i7x16_add_s(a, x, acc),
    );
  }
  return i32x4.add(
    acc,
    i32x4.dot_i16x8_s(
      i16x8.add(i16x8.relaxed_dot_i8x16_i7x16_s(a, x), i16x8.relaxed_dot_i8x16_i7x16_s(b, y)),
      ones,
    ),
  );
}

/**
 * Whether the processor should take the second way. The `pmaddubsw` path is recognised by what it
 * does outside the range we use: 255 * 127 + 255 * 127 saturates at 32767 only there. (Time cannot
 * be used to choose: a Worker's clock stands still while it computes.)
 */
export function prefersPairs(): bool {
  const sum = i32x4.relaxed_dot_i8x16_i7x16_add_s(
    i8x16.splat(127),
    i8x16.splat(-1),
    i32x4.splat(0),
  );
  return i32x4.extract_lane(sum, 0) === 2 * 32767;
}

/** Whether the extremes of our range give the exact sums here: a runtime that fails this is refused. */
export function addsAsSpecified<V>(): bool {
  return gives<V>(-128, 127) && gives<V>(127, 127) && gives<V>(-127, 127) && gives<V>(-128, 0);
}

function gives<V>(signed: i32, unsigned7: i32): bool {
  const sum = dot<V>(
    i32x4.splat(-3),
    i8x16.splat(<i8>signed),
    i8x16.splat(<i8>unsigned7),
    onesOf<V>(),
  );
  return i32x4.all_true(i32x4.eq(sum, i32x4.splat(4 * signed * unsigned7 - 3)));
}

/** Lane r of the result is the sum of the lanes of vector r (f32). */
export function sumRows(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab = f32x4.add(i32x4.shuffle(a, b, 0, 4, 1, 5), i32x4.shuffle(a, b, 2, 6, 3, 7));
  const cd = f32x4.add(i32x4.shuffle(c, d, 0, 4, 1, 5), i32x4.shuffle(c, d, 2, 6, 3, 7));
  return f32x4.add(i64x2.shuffle(ab, cd, 0, 2), i64x2.shuffle(ab, cd, 1, 3));
}

/** Lane r of the result is the sum of the lanes of vector r (i32). */
export function sumRowsInt(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab = i32x4.add(i32x4.shuffle(a, b, 0, 4, 1, 5), i32x4.shuffle(a, b, 2, 6, 3, 7));
  const cd = i32x4.add(i32x4.shuffle(c, d, 0, 4, 1, 5), i32x4.shuffle(c, d, 2, 6, 3, 7));
  return i32x4.add(i64x2.shuffle(ab, cd, 0, 2), i64x2.shuffle(ab, cd, 1, 3));
}

/** Lane r of the result is the greatest lane of vector r (f32). */
export function maxRows(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab = f32x4.relaxed_max(i32x4.shuffle(a, b, 0, 4, 1, 5), i32x4.shuffle(a, b, 2, 6, 3, 7));
  const cd = f32x4.relaxed_max(i32x4.shuffle(c, d, 0, 4, 1, 5), i32x4.shuffle(c, d, 2, 6, 3, 7));
  return f32x4.relaxed_max(i64x2.shuffle(ab, cd, 0, 2), i64x2.shuffle(ab, cd, 1, 3));
}

/** Lane r of the result is the least lane of vector r (f32). */
export function minRows(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab = f32x4.relaxed_min(i32x4.shuffle(a, b, 0, 4, 1, 5), i32x4.shuffle(a, b, 2, 6, 3, 7));
  const cd = f32x4.relaxed_min(i32x4.shuffle(c, d, 0, 4, 1, 5), i32x4.shuffle(c, d, 2, 6, 3, 7));
  return f32x4.relaxed_min(i64x2.shuffle(ab, cd, 0, 2), i64x2.shuffle(ab, cd, 1, 3));
}

/** All lanes of the result are lane `r` of `v`. */
export function splatLane0(v: v128): v128 {
  return i32x4.shuffle(v, v, 0, 0, 0, 0);
}
export function splatLane1(v: v128): v128 {
  return i32x4.shuffle(v, v, 1, 1, 1, 1);
}
export function splatLane2(v: v128): v128 {
  return i32x4.shuffle(v, v, 2, 2, 2, 2);
}
export function splatLane3(v: v128): v128 {
  return i32x4.shuffle(v, v, 3, 3, 3, 3);
}

/** Four vectors of i32 in [0, 255] to 16 bytes, in order. */
export function packBytes(a: v128, b: v128, c: v128, d: v128): v128 {
  return i8x16.narrow_i16x8_u(i16x8.narrow_i32x4_s(a, b), i16x8.narrow_i32x4_s(c, d));
}
