/**
 * Linear layers: 7-bit activations times int8 weights, with a 4 x 8 micro-kernel.
 *
 * Layouts (all row counts are multiples of 4, widths multiples of 8):
 * - activations: panels of 4 rows, `[rows/4][k/4][4 rows][4 k]` bytes, and per panel a record of
 *   32 bytes: 4 steps, 4 offsets (f32), so that x = step * q + offset;
 * - weights: panels of 8 columns, each `[k/4][8 columns][4 k]` bytes, then 8 scales, 8 column sums
 *   (already times the scale) and 8 biases (f32); with 4 bits see `unpack.ts`;
 * - output: f32 panels `[rows/4][n/4][4 rows][4 columns]`, so that everything that follows works
 *   on four rows at once and reads memory in order.
 */
import { packedBytes, unpackPanel, weightBits } from "./unpack";
import { dotTwice, onesOf, splatLane0, splatLane1, splatLane2, splatLane3 } from "./vectors";

/** Bytes of a quantized panel's record. */
export const RECORD: usize = 32;

/** Bytes of one packed panel of 8 columns with `k` inputs. */
export function panelBytes(k: i32): i32 {
  return packedBytes(k) + 96;
}

/** Bytes of a packed linear layer with `n` outputs and `k` inputs. */
export function linearBytes(n: i32, k: i32): i32 {
  return (n >> 3) * panelBytes(k);
}

/**
 * out = activations . weights + bias.
 * @param a activation panels; @param scales their records; @param panels number of 4-row panels
 * @param w packed weights; @param n outputs; @param k inputs; @param out f32 panels, width `n`
 * @param unpacked working space for one panel's bytes, where weights have 4 bits
 * @param rest record and bytes of what the first panel's quantization left (see `quantizeRest`), whose
 * product is added to that panel's; or 0
 */
export function gemm<V>(
  a: usize,
  scales: usize,
  panels: i32,
  w: usize,
  n: i32,
  k: i32,
  out: usize,
  rest: usize,
  unpacked: usize,
): void {
  const ones = onesOf<V>();
  const aBytes = <usize>(k << 2);
  const outBytes = <usize>(n << 4);
  const wBytes = <usize>panelBytes(k);
  const count = rest ? panels + 1 : panels;
  const wEnd = w + <usize>linearBytes(n, k);
  while (w < wEnd) {
    const meta = w + <usize>packedBytes(k);
    let bytes = w;
    if (weightBits === 4) {
      unpackPanel(w, k, unpacked);
      bytes = unpacked;
    }
    let ap = a;
    let sp = scales;
    let op = out;
    for (let i = 0; i < count; i++) {
      const isRest = i === panels;
      if (isRest) {
        ap = rest + RECORD;
        sp = rest;
        op = out;
      }
      const end = ap + aBytes;
      let wp = bytes;
      let c00 = i32x4.splat(0);
      let c01 = i32x4.splat(0);
      let c10 = i32x4.splat(0);
      let c11 = i32x4.splat(0);
      let c20 = i32x4.splat(0);
      let c21 = i32x4.splat(0);
      let c30 = i32x4.splat(0);
      let c31 = i32x4.splat(0);
      // Six loads of whole vectors. workerd checks bounds at every load, so loading the four rows' bytes one by one took
      // longer than spreading them from a register. More than 15 live vectors would spill.
      while (ap < end) {
        const x = v128.load(ap);
        const y = v128.load(ap, 16);
        const a0 = v128.load(wp);
        const a1 = v128.load(wp, 16);
        const b0 = v128.load(wp, 32);
        const b1 = v128.load(wp, 48);
        c00 = dotTwice<V>(c00, a0, splatLane0(x), b0, splatLane0(y), ones);
        c01 = dotTwice<V>(c01, a1, splatLane0(x), b1, splatLane0(y), ones);
        c10 = dotTwice<V>(c10, a0, splatLane1(x), b0, splatLane1(y), ones);
        c11 = dotTwice<V>(c11, a1, splatLane1(x), b1, splatLane1(y), ones);
        c20 = dotTwice<V>(c20, a0, splatLane2(x), b0, splatLane2(y), ones);
        c21 = dotTwice<V>(c21, a1, splatLane2(x), b1, splatLane2(y), ones);
        c30 = dotTwice<V>(c30, a0, splatLane3(x), b0, splatLane3(y), ones);
        c31 = dotTwice<V>(c31, a1, splatLane3(x), b1, splatLane3(y), ones);
        ap += 32;
        wp += 64;
      }
      storeRow(op, meta, sp, c00, c01, isRest);
      storeRow(op + 16, meta, sp + 4, c10, c11, isRest);
      storeRow(op + 32, meta, sp + 8, c20, c21, isRest);
      storeRow(op + 48, meta, sp + 12, c30, c31, isRest);
      sp += 32;
      op += outBytes;
    }
    w += wBytes;
    out += 128;
  }
}

/** Writes one row of a tile: sums * scale * step + offset * column sum + bias (or what was there). */
function storeRow(out: usize, meta: usize, scale: usize, lo: v128, hi: v128, add: bool): void {
  const base0 = add ? out : meta + 64;
  const base1 = add ? out + 64 : meta + 80;
  const step = v128.load32_splat(scale);
  const offset = v128.load32_splat(scale, 16);
  v128.store(
    out,
    f32x4.relaxed_madd(
      f32x4.mul(f32x4.convert_i32x4_s(lo), v128.load(meta)),
      step,
      f32x4.relaxed_madd(offset, v128.load(meta, 32), v128.load(base0)),
    ),
  );
  v128.store(
    out,
    f32x4.relaxed_madd(
      f32x4.mul(f32x4.convert_i32x4_s(hi), v128.load(meta, 16)),
      step,
      f32x4.relaxed_madd(offset, v128.load(meta, 48), v128.load(base1)),
    ),
    64,
  );
}
