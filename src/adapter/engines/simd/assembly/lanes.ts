/** Helpers over four vectors that hold four rows each: reductions by row, packing to bytes. */

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
