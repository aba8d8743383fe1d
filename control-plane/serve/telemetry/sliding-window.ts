export const SLOT_MS = 2000
/** Slots that a window remembers: two minutes. */
export const SLOTS = 60
// One is filling, and reporters tell of the last two seconds up to two seconds late.
const UNFINISHED = 2
/** Slots that a window holds. */
export const WINDOW_SLOTS = SLOTS + UNFINISHED + 1
const RING = WINDOW_SLOTS

/** Sums of the last two minutes in slots of two seconds, several columns each. Amounts may be fractions. */
export class SlidingWindow {
  readonly #width: number
  readonly #values: Float64Array
  readonly #slotOf = new Float64Array(RING).fill(-1)

  constructor(width: number) {
    this.#width = width
    this.#values = new Float64Array(RING * width)
  }

  /** Spreads `amounts`, one a column, evenly over the time from `fromMs` to `toMs`. */
  add(amounts: ArrayLike<number>, fromMs: number, toMs: number): void {
    const last = Math.floor(toMs / SLOT_MS)
    const span = Math.max(toMs - fromMs, 1)
    for (let slot = Math.max(Math.floor(fromMs / SLOT_MS), last - RING + 1); slot <= last; slot++) {
      const begin = Math.max(fromMs, slot * SLOT_MS)
      const end = Math.min(toMs, (slot + 1) * SLOT_MS)
      const share = toMs <= fromMs ? 1 : Math.max(end - begin, 0) / span
      if (share === 0) continue
      const row = this.#row(slot)
      for (let column = 0; column < this.#width; column++)
        this.#values[row + column] = (this.#values[row + column] as number) + (amounts[column] ?? 0) * share
    }
  }

  /** Sum of each column over the latest `slots` finished slots. */
  totals(now: number, slots: number): Float64Array {
    const end = finishedSlot(now)
    return this.sum(end - slots, end)
  }

  /** Sum of each column over the slots from `first` up to, and without, `end`. */
  sum(first: number, end: number): Float64Array {
    const totals = new Float64Array(this.#width)
    for (let slot = first; slot < end; slot++) {
      const row = this.#existing(slot)
      if (row === undefined) continue
      for (let column = 0; column < this.#width; column++)
        totals[column] = (totals[column] as number) + (this.#values[row + column] as number)
    }
    return totals
  }

  /** The sum of `columns` in each finished slot, the oldest first. */
  history(now: number, columns: number): number[] {
    const end = finishedSlot(now)
    return Array.from({ length: SLOTS }, (_, i) => {
      const row = this.#existing(end - SLOTS + i)
      if (row === undefined) return 0
      let sum = 0
      for (let column = 0; column < columns; column++) sum += this.#values[row + column] as number
      return sum
    })
  }

  #row(slot: number): number {
    const index = slot % RING
    if (this.#slotOf[index] !== slot) {
      this.#slotOf[index] = slot
      this.#values.fill(0, index * this.#width, (index + 1) * this.#width)
    }
    return index * this.#width
  }

  #existing(slot: number): number | undefined {
    const index = ((slot % RING) + RING) % RING
    return this.#slotOf[index] === slot ? index * this.#width : undefined
  }
}

/** The first slot, counted since the epoch, of which something may still be told. */
export function finishedSlot(now: number): number {
  return Math.floor(now / SLOT_MS) - UNFINISHED + 1
}
