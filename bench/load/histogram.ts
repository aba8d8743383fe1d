const SUB_BITS = 7
const SUB = 1 << SUB_BITS
const ROWS = 28

/** Counts durations in buckets that are less than 1 % wide, from 0.1 us to some minutes. */
export class Histogram {
  readonly #counts = new Uint32Array(ROWS * SUB)
  #total = 0

  /** A duration in milliseconds. */
  add(ms: number): void {
    const value = Math.max(1, Math.round(ms * 10_000))
    const shift = Math.max(0, 31 - Math.clz32(value) - SUB_BITS)
    const at = shift * SUB + (value >>> shift)
    this.#counts[Math.min(at, this.#counts.length - 1)]!++
    this.#total++
  }

  reset(): void {
    this.#counts.fill(0)
    this.#total = 0
  }

  /** Microseconds under which this share (0 to 1) of the durations lies; 0 when there are none. */
  quantile(share: number): number {
    const rank = Math.max(1, Math.ceil(this.#total * share))
    let seen = 0
    for (let at = 0; at < this.#counts.length; at++) {
      seen += this.#counts[at] as number
      if (this.#total > 0 && seen >= rank) {
        // Row `shift` holds values from SUB << shift; the first row also those below SUB.
        const shift = Math.max(0, (at >> SUB_BITS) - 1)
        return ((at - shift * SUB) * 2 ** shift) / 10
      }
    }
    return 0
  }
}
