/**
 * Token, position and type embeddings, summed into one f32 panel. Positions are int8 by row, types f32;
 * tokens are int8 by row, or 4 bits in groups of 32 with a scale (f16) each.
 */
import { hidden, kinds, placeScales, places, wordBits, wordScales, words } from "./model";
import { GROUP, halves } from "./unpack";

/** Four bytes in the lowest lane as f32, times a scale. */
function widened(bytes: v128, scale: v128): v128 {
  const wide = i32x4.extend_low_i16x8_s(i16x8.extend_low_i8x16_s(bytes));
  return f32x4.mul(f32x4.convert_i32x4_s(wide), scale);
}

/** Writes row `row` (0..3) of a panel. */
export function embedRow(panel: usize, row: i32, id: i32, position: i32, kind: i32): void {
  const width = <usize>hidden;
  panel += (<usize>row) << 4;
  if (wordBits === 4) wordOf4(panel, id);
  else wordOf8(panel, id);
  let place = places + <usize>position * width;
  let type = kinds + 4 * <usize>kind * width;
  const scale = v128.load32_splat(placeScales + 4 * <usize>position);
  const end = place + width;
  while (place < end) {
    const sum = f32x4.add(v128.load(panel), widened(v128.load32_zero(place), scale));
    v128.store(panel, f32x4.add(sum, v128.load(type)));
    place += 4;
    type += 16;
    panel += 64;
  }
}

function wordOf8(panel: usize, id: i32): void {
  const width = <usize>hidden;
  const scale = v128.load32_splat(wordScales + 4 * <usize>id);
  const word = words + <usize>id * width;
  for (let at = word; at < word + width; at += 4, panel += 64) {
    v128.store(panel, widened(v128.load32_zero(at), scale));
  }
}

/** A group's 16 bytes hold its first 16 values in their low halves, the others in the high ones, plus 8. */
function wordOf4(panel: usize, id: i32): void {
  const groups = hidden / GROUP;
  let at = words + <usize>id * <usize>(hidden >> 1);
  let scales = wordScales + 2 * <usize>(id * groups);
  for (let group = 0; group < groups; group++, at += 16, scales += 2, panel += 512) {
    const x = v128.load(at);
    const scale = halves(i32x4.splat(<i32>load<u16>(scales)));
    spread(panel, i8x16.sub(v128.and(x, i8x16.splat(15)), i8x16.splat(8)), scale);
    spread(panel + 256, i8x16.sub(i8x16.shr_u(x, 4), i8x16.splat(8)), scale);
  }
}

/** 16 bytes, times a scale, to four places of the panel. */
function spread(panel: usize, bytes: v128, scale: v128): void {
  v128.store(panel, widened(bytes, scale));
  v128.store(panel, widened(i32x4.shuffle(bytes, bytes, 1, 1, 1, 1), scale), 64);
  v128.store(panel, widened(i32x4.shuffle(bytes, bytes, 2, 2, 2, 2), scale), 128);
  v128.store(panel, widened(i32x4.shuffle(bytes, bytes, 3, 3, 3, 3), scale), 192);
}
