/**
 * Weights of 4 bits: groups of 32 inputs, each with a scale (f16) by output column. A panel of 8 columns is
 * unpacked into bytes right before the micro-kernel reads it, where it stays in the L1 cache for all rows of
 * a block (128): so the kernel, its exact sums and its speed are those of int8 weights.
 *
 * Packed panel: `[k/4]` times 16 bytes, of which byte 4 c + i holds input i of column c in its low and of
 * column c + 4 in its high half, both plus 8; then `[k/32][8]` scales; then scales, sums and biases as in
 * `gemm.ts`. A byte becomes `(q * r + 128) >> 8`, where r = 256 * group's scale / column's scale, rounded, is
 * at most 4064: all of it integers of 16 bits, the same everywhere, and known to `pack_simd.py`, which takes
 * the column's scale so that the bytes keep to what `dotTwice` asks for.
 */

/** Bits of a linear layer's weight: 8 or 4. */
export let weightBits: i32 = 8;

export function takeWeightBits(bits: i32): void {
  weightBits = bits;
}

/** Inputs of a group. */
export const GROUP: i32 = 32;

/** Bytes of a panel of 8 columns with `k` inputs, without scales, sums and biases of the columns. */
export function packedBytes(k: i32): i32 {
  return weightBits === 4 ? 4 * k + (k >> 1) : 8 * k;
}

/** Four f16 in the low halves of i32 lanes, none of them subnormal, to f32. */
export function halves(bits: v128): v128 {
  const sign = i32x4.shl(v128.and(bits, i32x4.splat(0x8000)), 16);
  const rest = i32x4.shl(v128.and(bits, i32x4.splat(0x7fff)), 13);
  return v128.or(sign, i32x4.add(rest, i32x4.splat(112 << 23)));
}

/** Bytes of 8 values of two columns: v * r + o, of which the upper half is wanted. */
function level(v: v128, r: v128, o: v128): v128 {
  return i16x8.shr_s(i16x8.add(i16x8.mul(v, r), o), 8);
}

function offsetOf(r: v128): v128 {
  return i16x8.sub(i16x8.splat(128), i16x8.shl(r, 3));
}

/** Unpacks one panel of `k` inputs at `w` to `[k/4][8 columns][4 k]` bytes at `out`. */
export function unpackPanel(w: usize, k: i32, out: usize): void {
  let scales = w + <usize>(k << 2);
  const columns = scales + <usize>(k >> 1);
  const full = f32x4.splat(256);
  const low = f32x4.div(full, v128.load(columns));
  const high = f32x4.div(full, v128.load(columns, 16));
  const end = scales;
  const nibble = i8x16.splat(15);
  for (let group = w; group < end; group += 128, scales += 16) {
    const h = v128.load(scales);
    const r = i16x8.narrow_i32x4_s(
      i32x4.relaxed_trunc_f32x4_s(
        f32x4.nearest(f32x4.mul(halves(i32x4.extend_low_i16x8_u(h)), low)),
      ),
      i32x4.relaxed_trunc_f32x4_s(
        f32x4.nearest(f32x4.mul(halves(i32x4.extend_high_i16x8_u(h)), high)),
      ),
    );
    const r0 = i8x16.shuffle(r, r, 0, 1, 0, 1, 0, 1, 0, 1, 2, 3, 2, 3, 2, 3, 2, 3);
    const r1 = i8x16.shuffle(r, r, 4, 5, 4, 5, 4, 5, 4, 5, 6, 7, 6, 7, 6, 7, 6, 7);
    const r2 = i8x16.shuffle(r, r, 8, 9, 8, 9, 8, 9, 8, 9, 10, 11, 10, 11, 10, 11, 10, 11);
    const r3 = i8x16.shuffle(r, r, 12, 13, 12, 13, 12, 13, 12, 13, 14, 15, 14, 15, 14, 15, 14, 15);
    const o0 = offsetOf(r0);
    const o1 = offsetOf(r1);
    const o2 = offsetOf(r2);
    const o3 = offsetOf(r3);
    for (let at = group; at < group + 128; at += 16, out += 32) {
      const x = v128.load(at);
      const a = v128.and(x, nibble);
      const b = i8x16.shr_u(x, 4);
      v128.store(
        out,
        i8x16.narrow_i16x8_s(
          level(i16x8.extend_low_i8x16_u(a), r0, o0),
          level(i16x8.extend_high_i8x16_u(a), r1, o1),
        ),
      );
      v128.store(
        out,
        i8x16.narrow_i16x8_s(
          level(i16x8.extend_low_i8x16_u(b), r2, o2),
          level(i16x8.extend_high_i8x16_u(b), r3, o3),
        ),
        16,
      );
    }
  }
}
