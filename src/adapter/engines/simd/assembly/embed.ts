/** Token, position and type embeddings (int8 by row; types f32), summed into one f32 panel. */
import { hidden, kinds, placeScales, places, wordScales, words } from "./model";

/** Four bytes as f32, times a scale. */
function row4(at: usize, scale: v128): v128 {
  const wide = i32x4.extend_low_i16x8_s(i16x8.extend_low_i8x16_s(v128.load32_zero(at)));
  return f32x4.mul(f32x4.convert_i32x4_s(wide), scale);
}

/** Writes row `row` (0..3) of a panel. */
export function embedRow(panel: usize, row: i32, id: i32, position: i32, kind: i32): void {
  const width = <usize>hidden;
  let word = words + <usize>id * width;
  let place = places + <usize>position * width;
  let type = kinds + 4 * <usize>kind * width;
  const wordScale = v128.load32_splat(wordScales + 4 * <usize>id);
  const placeScale = v128.load32_splat(placeScales + 4 * <usize>position);
  const end = word + width;
  panel += (<usize>row) << 4;
  while (word < end) {
    const sum = f32x4.add(row4(word, wordScale), row4(place, placeScale));
    v128.store(panel, f32x4.add(sum, v128.load(type)));
    word += 4;
    place += 4;
    type += 16;
    panel += 64;
  }
}
