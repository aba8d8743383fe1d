import { hash32 } from './hash.ts'
import type { HashMember, HashTable } from './hash-table.ts'

/** An index fits beside 32 bits of hash into the 53 of a number. */
const INDEX_BITS = 2 ** 21

/** A hash ring (Ketama): each member stands on it many times, and takes what lies before each of its places. */
export class Ring implements HashTable {
  /** In order; above `INDEX_BITS` the place, below the member. */
  readonly #places: Float64Array

  /**
   * `minimumSize`, `maximumSize`: of the ring. The lightest member has `minimumSize` places as if it were alone, the others by
   * their weight, as far as the maximum lets them. Envoy divides the minimum among them, so that those that stay get other
   * places when one comes or leaves: of three, one leaving moves a sixth of all keys without need.
   */
  constructor(members: readonly HashMember[], minimumSize: number, maximumSize: number) {
    const total = members.reduce((sum, { weight }) => sum + weight, 0)
    const lightest = members.reduce((least, { weight }) => Math.min(least, weight), Infinity)
    const ofWeight = Math.min(minimumSize / lightest, maximumSize / total)
    const counts = members.map(({ weight }) => Math.max(1, Math.floor(weight * ofWeight + 1e-9)))
    const places = new Float64Array(counts.reduce((sum, count) => sum + count, 0))
    let next = 0
    members.forEach(({ key }, member) => {
      for (let i = 0; i < (counts[member] as number); i++)
        places[next++] = hash32(`${key}_${i}`) * INDEX_BITS + member
    })
    this.#places = places.sort()
  }

  get size(): number {
    return this.#places.length
  }

  find(hash: number, usable: Uint8Array): number {
    const places = this.#places
    const wanted = (hash >>> 0) * INDEX_BITS
    let low = 0
    let high = places.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((places[middle] as number) >= wanted) high = middle
      else low = middle + 1
    }
    for (let i = 0; i < places.length; i++) {
      const member = (places[(low + i) % places.length] as number) % INDEX_BITS
      if (usable[member] === 1) return member
    }
    return -1
  }
}
