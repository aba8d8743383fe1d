/**
 * Where consistent hashing leads: a table over all members, whoever is in use at the moment. Those that are not are passed
 * over at the lookup, so that their keys alone go elsewhere, and nothing is made anew when health changes.
 */
export interface HashTable {
  /** The member for a hash (32 bits) that `usable` (by member, 1 or 0) lets; -1: there is none. */
  find(hash: number, usable: Uint8Array): number
}

/** What tables are made of. */
export interface HashMember {
  /** The same for the same endpoint, in every proxy. */
  readonly key: string
  /** Above 0. */
  readonly weight: number
}
