/**
 * The functions that JavaScript calls. It writes the header to `headerAt()`, calls `configure`, writes the whole of
 * `encoder.bin` from there on, and then for each text its ids to `idsAt()`. JavaScript checks ids, lengths and slots.
 */
import { grow, ids, placeArena, slotAt, slotBytes } from "./arena";
import { encodePrefix, pairs, scoreCandidate, takePairs } from "./encoder";
import { align64, readModel, vocabulary, weightsEnd } from "./model";
import { addsAsSpecified, prefersPairs } from "./vectors";

/** Where `encoder.bin` goes. */
export function headerAt(): usize {
  return align64(__heap_base);
}

/**
 * Reads the header and reserves memory. Returns 0; 1 not ours, 2 other layout, 3 a shape we cannot
 * run, 4 no memory, 5 limits that do not fit, 6 a processor that adds otherwise.
 */
export function configure(prefixTokens: i32, candidateTokens: i32): i32 {
  if (!addsAsSpecified<u8>() || !addsAsSpecified<u16>()) return 6;
  const refused = readModel(headerAt());
  if (refused) return refused;
  takePairs(prefersPairs());
  return placeArena(prefixTokens, candidateTokens);
}

/** Bytes of `encoder.bin`, from its header. */
export function weightsBytes(): usize {
  return weightsEnd - headerAt();
}

export function idsAt(): usize {
  return ids;
}

export function vocabularySize(): i32 {
  return vocabulary;
}

/** 1 when the kernel of pairs is in use (see `vectors.ts`). */
export function kernel(): i32 {
  return <i32>pairs;
}

/** Takes one kernel or the other; results are the same to the bit. For tests and measurements. */
export function setKernel(wanted: i32): void {
  takePairs(wanted !== 0);
}

/** Bytes of a slot. */
export function slotSize(): usize {
  return slotBytes;
}

/** Makes room for a slot; false when memory cannot grow. */
export function openSlot(slot: i32): bool {
  return grow(slotAt(slot) + slotBytes);
}

/** Encodes the prefix at `idsAt()` into a slot. */
export function prefix(slot: i32, tokens: i32): void {
  encodePrefix(slotAt(slot), tokens);
}

/** Logit of the candidate at `idsAt()` on the prefix in a slot. */
export function score(slot: i32, prefixTokens: i32, tokens: i32): f32 {
  return scoreCandidate(slotAt(slot), prefixTokens, tokens);
}
