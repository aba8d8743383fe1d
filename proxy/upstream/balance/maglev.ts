import { hash32, mix32 } from './hash.ts'
import type { HashMember, HashTable } from './hash-table.ts'

/** How often another place is tried for one whose member is not usable, before the members are gone through. */
const PROBES = 32

/**
 * Maglev (Eisenbud et al., NSDI 2016, section 3.4): a table in which members have places by weight, each in an order of
 * preference of its own, so that few places change hands when one comes or leaves.
 */
export class Maglev implements HashTable {
  readonly #table: Uint16Array | Uint32Array
  readonly #members: number

  /** `size`: a prime; more members than places go without one, the last ones. */
  constructor(members: readonly HashMember[], size: number) {
    this.#members = members.length
    const table = members.length < 0xffff ? new Uint16Array(size) : new Uint32Array(size)
    const free = members.length < 0xffff ? 0xffff : 0xffffffff
    table.fill(free)
    this.#table = table
    if (members.length === 0) return
    const heaviest = members.reduce((most, { weight }) => Math.max(most, weight), 0)
    const at = Uint32Array.from(members, ({ key }) => hash32(key) % size)
    const steps = Uint32Array.from(members, ({ key }) => (hash32(key, 1) % (size - 1)) + 1)
    const credits = new Float64Array(members.length)
    let left = size
    // A round gives each member its next choice; a lighter one sits rounds out.
    for (;;) {
      for (let member = 0; member < members.length; member++) {
        const credit = (credits[member] as number) + (members[member] as HashMember).weight / heaviest
        if (credit < 1 - 1e-9) {
          credits[member] = credit
          continue
        }
        credits[member] = credit - 1
        let place = at[member] as number
        const step = steps[member] as number
        // A remainder would take most of the time that a large table takes.
        const next = (from: number): number => (from + step < size ? from + step : from + step - size)
        while (table[place] !== free) place = next(place)
        table[place] = member
        at[member] = next(place)
        if (--left === 0) return
      }
    }
  }

  /** The member that has a place. */
  at(place: number): number {
    return this.#table[place] as number
  }

  find(hash: number, usable: Uint8Array): number {
    const table = this.#table
    if (this.#members === 0) return -1
    let bits = hash >>> 0
    for (let i = 0; i < PROBES; i++) {
      const member = table[bits % table.length] as number
      if (usable[member] === 1) return member
      bits = mix32(bits + 0x9e3779b9)
    }
    // Hardly any is usable: the next one behind a member of the key's.
    const first = bits % this.#members
    for (let i = 0; i < this.#members; i++) {
      const member = (first + i) % this.#members
      if (usable[member] === 1) return member
    }
    return -1
  }
}
