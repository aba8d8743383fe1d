const KEPT = 128

/**
 * The streams that closed last. A frame for a stream that we reset may have been on its way and is
 * ignored; one for a stream that ended is the peer's error (RFC 9113 section 5.1).
 */
export class ClosedStreams {
  readonly #ids = new Uint32Array(KEPT)
  readonly #reset = new Uint8Array(KEPT)
  #count = 0

  /** `reset`: we sent RST_STREAM. */
  add(id: number, reset: boolean): void {
    const slot = this.#count++ % KEPT
    this.#ids[slot] = id
    this.#reset[slot] = reset ? 1 : 0
  }

  wasReset(id: number): boolean {
    const slot = this.#ids.lastIndexOf(id)
    return slot >= 0 && this.#reset[slot] === 1
  }

  /** It certainly ended, by END_STREAM on both sides or the peer's RST_STREAM. */
  hasEnded(id: number): boolean {
    const slot = this.#ids.lastIndexOf(id)
    return slot >= 0 && this.#reset[slot] === 0
  }

  /** True also where nothing is remembered any more, unless the stream certainly never was open. */
  mayHaveBeenOpen(id: number): boolean {
    return this.#count > KEPT || this.#ids.includes(id)
  }
}
