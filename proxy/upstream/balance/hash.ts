/**
 * 32 bits of a text that look random: FNV-1a (draft-eastlake-fnv) over its characters, mixed at the end as MurmurHash3 does
 * (fmix32), since FNV alone spreads short texts badly. Not for secrets. `seed`: for another one of the same text.
 */
export function hash32(text: string, seed = 0): number {
  let hash = (0x811c9dc5 ^ seed) | 0
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return mix32(hash)
}

/** Any 32 bits to others that look random; each to one of its own. */
export function mix32(bits: number): number {
  let hash = bits | 0
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

/** Of several hashes one, whose order matters. */
export function combine32(hash: number, next: number): number {
  return (((hash << 1) | (hash >>> 31)) ^ next) >>> 0
}
