import { heads, headWidth, hidden } from "./model";
import {
  maxRows,
  packBytes,
  splatLane0,
  splatLane1,
  splatLane2,
  splatLane3,
  sumRowsInt,
} from "./vectors";

const LOG2_E: f32 = <f32>Math.LOG2E;

/** Where the key steps stand in a block of keys and values with room for `room` rows. */
export function keyStepsAt(block: usize, room: i32): usize {
  return block + <usize>(room * hidden);
}

/** Where the values stand. */
export function valuesAt(block: usize, room: i32): usize {
  return block + <usize>(room * (hidden + 4 * heads));
}

/** Where the value steps stand. */
export function valueStepsAt(block: usize, room: i32): usize {
  return block + <usize>(room * (2 * hidden + 4 * heads));
}

/** Row-wise greatest magnitude over one head of a panel. */
function magnitudes(x: usize): v128 {
  const end = x + <usize>(headWidth << 4);
  let m0 = f32x4.splat(0);
  let m1 = f32x4.splat(0);
  let m2 = f32x4.splat(0);
  let m3 = f32x4.splat(0);
  for (; x < end; x += 64) {
    m0 = f32x4.relaxed_max(m0, f32x4.abs(v128.load(x)));
    m1 = f32x4.relaxed_max(m1, f32x4.abs(v128.load(x, 16)));
    m2 = f32x4.relaxed_max(m2, f32x4.abs(v128.load(x, 32)));
    m3 = f32x4.relaxed_max(m3, f32x4.abs(v128.load(x, 48)));
  }
  return maxRows(m0, m1, m2, m3);
}

/** Steps for magnitudes spread over `levels` levels; never 0. */
function stepsOf(magnitude: v128, levels: f32): v128 {
  return f32x4.add(f32x4.mul(magnitude, f32x4.splat(<f32>1 / levels)), f32x4.splat(<f32>1e-12));
}

/** Packs one panel of queries; `panel` of `panels`. */
export function packQueries(
  x: usize,
  panel: i32,
  panels: i32,
  queries: usize,
  records: usize,
): void {
  const logits = f32x4.splat(LOG2_E / sqrt<f32>(<f32>headWidth));
  const half = f32x4.splat(128.5);
  for (let head = 0; head < heads; head++) {
    const steps = stepsOf(magnitudes(x), 127);
    const inverse = f32x4.div(f32x4.splat(1), steps);
    const i0 = splatLane0(inverse);
    const i1 = splatLane1(inverse);
    const i2 = splatLane2(inverse);
    const i3 = splatLane3(inverse);
    let t0 = i32x4.splat(0);
    let t1 = i32x4.splat(0);
    let t2 = i32x4.splat(0);
    let t3 = i32x4.splat(0);
    let out = queries + <usize>((head * panels + panel) * headWidth * 4);
    const end = x + <usize>(headWidth << 4);
    for (; x < end; x += 64) {
      const q0 = i32x4.relaxed_trunc_f32x4_s(f32x4.relaxed_madd(v128.load(x), i0, half));
      const q1 = i32x4.relaxed_trunc_f32x4_s(f32x4.relaxed_madd(v128.load(x, 16), i1, half));
      const q2 = i32x4.relaxed_trunc_f32x4_s(f32x4.relaxed_madd(v128.load(x, 32), i2, half));
      const q3 = i32x4.relaxed_trunc_f32x4_s(f32x4.relaxed_madd(v128.load(x, 48), i3, half));
      t0 = i32x4.add(t0, q0);
      t1 = i32x4.add(t1, q1);
      t2 = i32x4.add(t2, q2);
      t3 = i32x4.add(t3, q3);
      v128.store(out, v128.xor(packBytes(q0, q1, q2, q3), i8x16.splat(-128)));
      out += 16;
    }
    const sums = i32x4.sub(sumRowsInt(t0, t1, t2, t3), i32x4.splat(128 * headWidth));
    const record = records + <usize>((head * panels + panel) << 5);
    v128.store(record, f32x4.mul(steps, logits));
    v128.store(record, i32x4.neg(i32x4.shl(sums, 6)), 16);
  }
}

/** Packs one panel of keys into a block of keys and values with room for `room` rows. */
export function packKeys(x: usize, panel: i32, block: usize, room: i32): void {
  const half = f32x4.splat(64.5);
  const keySteps = keyStepsAt(block, room) + <usize>(panel << 4);
  const place = <usize>((panel >> 1) * headWidth * 8 + ((panel & 1) << 4));
  for (let head = 0; head < heads; head++) {
    const steps = stepsOf(magnitudes(x), 63);
    v128.store(keySteps + <usize>(head * room * 4), steps);
    const inverse = f32x4.div(f32x4.splat(1), steps);
    const i0 = splatLane0(inverse);
    const i1 = splatLane1(inverse);
    const i2 = splatLane2(inverse);
    const i3 = splatLane3(inverse);
    let out = block + <usize>(head * room * headWidth) + place;
    const end = x + <usize>(headWidth << 4);
    for (; x < end; x += 64) {
      v128.store(
        out,
        packBytes(
          i32x4.relaxed_trunc_f32x4_s(f32x4.relaxed_madd(v128.load(x), i0, half)),
          i32x4.relaxed_trunc_f32x4_s(f32x4.relaxed_madd(v128.load(x, 16), i1, half)),
          i32x4.relaxed_trunc_f32x4_s(f32x4.relaxed_madd(v128.load(x, 32), i2, half)),
          i32x4.relaxed_trunc_f32x4_s(f32x4.relaxed_madd(v128.load(x, 48), i3, half)),
        ),
      );
      out += 32;
    }
  }
}

/** Packs all value panels; `inverses` is working space `[hidden]` f32. */
export function packValues(x: usize, panels: i32, inverses: usize, block: usize, room: i32): void {
  const width = <usize>(hidden << 4);
  const steps = valueStepsAt(block, room);
  for (let group = <usize>0; group < <usize>(hidden >> 2); group++) {
    let most = f32x4.splat(0);
    let at = x + (group << 6);
    for (let panel = 0; panel < panels; panel++, at += width) {
      most = f32x4.relaxed_max(
        f32x4.relaxed_max(
          f32x4.relaxed_max(most, f32x4.abs(v128.load(at))),
          f32x4.abs(v128.load(at, 16)),
        ),
        f32x4.relaxed_max(f32x4.abs(v128.load(at, 32)), f32x4.abs(v128.load(at, 48))),
      );
    }
    const step = stepsOf(most, 127);
    v128.store(steps + (group << 4), step);
    v128.store(inverses + (group << 4), f32x4.div(f32x4.splat(1), step));
  }
  const half = f32x4.splat(128.5);
  const base = valuesAt(block, room);
  for (let panel = 0; panel < panels; panel++) {
    for (let group = <usize>0; group < <usize>(hidden >> 2); group++, x += 64) {
      const inverse = v128.load(inverses + (group << 4));
      const bytes = packBytes(
        i32x4.relaxed_trunc_f32x4_s(f32x4.relaxed_madd(v128.load(x), inverse, half)),
        i32x4.relaxed_trunc_f32x4_s(f32x4.relaxed_madd(v128.load(x, 16), inverse, half)),
        i32x4.relaxed_trunc_f32x4_s(f32x4.relaxed_madd(v128.load(x, 32), inverse, half)),
        i32x4.relaxed_trunc_f32x4_s(f32x4.relaxed_madd(v128.load(x, 48), inverse, half)),
      );
      // [row][channel] to [channel][row], and from around 128 to signed.
      v128.store(
        base + (group >> 1) * <usize>(room << 3) + <usize>(panel << 5) + ((group & 1) << 4),
        v128.xor(
          i8x16.shuffle(bytes, bytes, 0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15),
          i8x16.splat(-128),
        ),
      );
    }
  }
}
