/**
 * The encoder's pass over one text: a prefix (its keys and values stay in a slot) or a candidate
 * on a prefix (gives a logit). Rows beyond the text, up to a multiple of four, repeat its last token. So they change no
 * row's range and no maximum, and softmax leaves them out.
 *
 * The last layer needs keys and values of every row. Query, attention output and feed-forward it needs only for a
 * candidate's first token.
 */
import * as arena from "./arena";
import { attend } from "./attention";
import { embedRow, geluPanel, layerNormPanel, scoreFirst } from "./f32Panels";
import { gemm, RECORD } from "./gemm";
import * as model from "./model";
import { packKeys, packQueries, packValues } from "./pack";
import { quantizePanel, quantizeRest } from "./quantize";

/** Which of the two kernels of `vectors.ts` is in use. */
export let pairs: bool = false;

export function takePairs(wanted: bool): void {
  pairs = wanted;
}

/**
 * A linear layer over panels; with `rest`, the low part of the first panel's rows counts too. The
 * first row decides the logit and draws much of the attention: with 7 bits alone in it, errors of
 * the logit are 3.5 times as large, and a panel more costs 3 %.
 */
function linear(
  a: usize,
  records: usize,
  panels: i32,
  w: usize,
  n: i32,
  k: i32,
  out: usize,
  rest: usize,
): void {
  if (pairs) gemm<u16>(a, records, panels, w, n, k, out, rest, arena.unpacked);
  else gemm<u8>(a, records, panels, w, n, k, out, rest, arena.unpacked);
}

/** Quantizes a panel, and what that leaves when `rest` says where to. */
function quantize(x: usize, n: i32, out: usize, record: usize, rest: usize): void {
  quantizePanel(x, n, out, record);
  if (rest) quantizeRest(x, n, out, record, rest + RECORD, rest);
}

/** Embeds `tokens` ids from `arena.ids` at positions `from`.. into the stream. */
function embed(tokens: i32, from: i32, kind: i32): void {
  const width = model.hidden;
  const panels = (tokens + 3) >> 2;
  for (let panel = 0; panel < panels; panel++) {
    const x = arena.stream + <usize>(panel * width * 16);
    for (let r = 0; r < 4; r++) {
      const at = min(panel * 4 + r, tokens - 1);
      embedRow(x, r, load<i32>(arena.ids + <usize>(at << 2)), from + at, kind);
    }
    layerNormPanel(x, 0, width, model.embeddingNorm, model.epsilon);
    quantizeStream(panel);
  }
}

function quantizeStream(panel: i32): void {
  const width = model.hidden;
  quantize(
    arena.stream + <usize>(panel * width * 16),
    width,
    arena.streamBytes + <usize>(panel * width * 4),
    arena.streamRecords + <usize>(panel << 5),
    panel === 0 ? arena.streamRest : 0,
  );
}

/** Keys and values of all rows into `own`; queries of the first `queryPanels` panels. */
function project(layer: usize, panels: i32, queryPanels: i32, own: usize, room: i32): void {
  const width = model.hidden;
  const stride = <usize>(width << 4);
  for (let first = 0; first < panels; first += arena.blockPanels) {
    const count = min(arena.blockPanels, panels - first);
    const a = arena.streamBytes + <usize>(first * width * 4);
    const records = arena.streamRecords + <usize>(first << 5);
    const rest = first === 0 ? arena.streamRest : 0;
    const wanted = min(count, queryPanels - first);
    if (wanted > 0) {
      linear(a, records, wanted, layer + model.queryOffset, width, width, arena.projected, rest);
      for (let i = 0; i < wanted; i++) {
        packQueries(
          arena.projected + <usize>i * stride,
          first + i,
          queryPanels,
          arena.queries,
          arena.queryRecords,
        );
      }
    }
    linear(a, records, count, layer + model.keyOffset, width, width, arena.projected, rest);
    for (let i = 0; i < count; i++) {
      packKeys(arena.projected + <usize>i * stride, first + i, own, room);
    }
    const values = arena.values + <usize>first * stride;
    linear(a, records, count, layer + model.valueOffset, width, width, values, rest);
  }
  packValues(arena.values, panels, arena.valueInverses, own, room);
}

/** Attention, feed-forward and both norms for `count` panels from `first`, into the stream. */
function mixBlock(
  layer: usize,
  first: i32,
  count: i32,
  queryPanels: i32,
  past: usize,
  pastTokens: i32,
  own: usize,
  tokens: i32,
  room: i32,
): void {
  const width = model.hidden;
  const inner = model.intermediate;
  const d = model.headWidth;
  for (let head = 0; head < model.heads; head++) {
    for (let i = 0; i < count; i++) {
      const at = head * queryPanels + first + i;
      const q = arena.queries + <usize>(at * d * 4);
      const record = arena.queryRecords + <usize>(at << 5);
      const out = arena.mixed + <usize>((i * width + head * d) << 4);
      if (pairs) attend<u16>(head, q, record, past, pastTokens, own, tokens, room, out);
      else attend<u8>(head, q, record, past, pastTokens, own, tokens, room, out);
    }
  }
  for (let i = 0; i < count; i++) {
    quantize(
      arena.mixed + <usize>(i * width * 16),
      width,
      arena.mixedBytes + <usize>(i * width * 4),
      arena.mixedRecords + <usize>(i << 5),
      first + i === 0 ? arena.mixedRest : 0,
    );
  }
  linear(
    arena.mixedBytes,
    arena.mixedRecords,
    count,
    layer + model.outputOffset,
    width,
    width,
    arena.update,
    first === 0 ? arena.mixedRest : 0,
  );
  for (let i = 0; i < count; i++) {
    layerNormPanel(
      arena.stream + <usize>((first + i) * width * 16),
      arena.update + <usize>(i * width * 16),
      width,
      layer + model.attentionNormOffset,
      model.epsilon,
    );
    quantizeStream(first + i);
  }
  linear(
    arena.streamBytes + <usize>(first * width * 4),
    arena.streamRecords + <usize>(first << 5),
    count,
    layer + model.upOffset,
    inner,
    width,
    arena.inner,
    first === 0 ? arena.streamRest : 0,
  );
  for (let i = 0; i < count; i++) {
    const x = arena.inner + <usize>(i * inner * 16);
    geluPanel(x, inner);
    quantize(
      x,
      inner,
      arena.innerBytes + <usize>(i * inner * 4),
      arena.innerRecords + <usize>(i << 5),
      first + i === 0 ? arena.innerRest : 0,
    );
  }
  linear(
    arena.innerBytes,
    arena.innerRecords,
    count,
    layer + model.downOffset,
    width,
    inner,
    arena.update,
    first === 0 ? arena.innerRest : 0,
  );
  for (let i = 0; i < count; i++) {
    layerNormPanel(
      arena.stream + <usize>((first + i) * width * 16),
      arena.update + <usize>(i * width * 16),
      width,
      layer + model.outputNormOffset,
      model.epsilon,
    );
    quantizeStream(first + i);
  }
}

/** Encodes the `tokens` ids at `arena.ids` as a prefix into `slot`. */
export function encodePrefix(slot: usize, tokens: i32): void {
  const room = arena.round8(tokens);
  const panels = (tokens + 3) >> 2;
  const stride = arena.keysValuesBytes(room);
  embed(tokens, 0, 0);
  let layer = model.firstLayer;
  for (let l = 0; l < model.layers; l++) {
    const last = l === model.layers - 1;
    project(layer, panels, last ? 0 : panels, slot, room);
    if (!last) {
      for (let first = 0; first < panels; first += arena.blockPanels) {
        const count = min(arena.blockPanels, panels - first);
        mixBlock(layer, first, count, panels, 0, 0, slot, tokens, room);
      }
    }
    layer += model.layerBytes;
    slot += stride;
  }
}

/** Logit of the `tokens` ids at `arena.ids` on the prefix of `pastTokens` tokens in `slot`. */
export function scoreCandidate(slot: usize, pastTokens: i32, tokens: i32): f32 {
  const room = arena.round8(tokens);
  const panels = (tokens + 3) >> 2;
  const stride = arena.keysValuesBytes(arena.round8(pastTokens));
  const own = arena.ownKeysValues;
  embed(tokens, pastTokens, 1);
  let layer = model.firstLayer;
  for (let l = 0; l < model.layers; l++) {
    const wanted = l === model.layers - 1 ? 1 : panels;
    project(layer, panels, wanted, own, room);
    for (let first = 0; first < wanted; first += arena.blockPanels) {
      const count = min(arena.blockPanels, wanted - first);
      mixBlock(layer, first, count, wanted, slot, pastTokens, own, tokens, room);
    }
    layer += model.layerBytes;
    slot += stride;
  }
  return scoreFirst(arena.stream);
}
