/** Which requests are of a channel's share: always the same for the same key, evenly spread over all of them. */

/** Whether `key` (a tenant, a request id) belongs to the share of a version. Another version draws another set. */
export function inShare(version: string, key: string, share: number): boolean {
  return place(`${version}\n${key}`) < share;
}

/** A number in [0, 1): FNV-1a over UTF-16 units, then MurmurHash3's finalizer, as FNV alone spreads short keys badly. */
function place(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}
