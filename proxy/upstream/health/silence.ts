import type { HealthSignal, SignalContext, Standing } from './signal.ts'

// Then one request finds out: what it costs is the part of a second after which it goes elsewhere.
const FORGET_MS = 10_000

/**
 * An endpoint from which no sign of life comes, neither to a connect nor to a PING nor to what was sent: the last to be
 * picked until something comes, or until it is worth a try.
 */
export class Silence implements HealthSignal {
  readonly name = 'silence'
  standing: Standing = 'use'
  readonly #context: SignalContext
  #cancel: (() => void) | undefined

  constructor(context: SignalContext) {
    this.#context = context
  }

  signOfLife(came: boolean): void {
    this.#cancel?.()
    if (!came) this.#cancel = this.#context.clock.after(FORGET_MS, () => this.#set('use'))
    this.#set(came ? 'use' : 'last-resort')
  }

  removed(): void {
    this.#cancel?.()
  }

  #set(standing: Standing): void {
    if (standing === this.standing) return
    this.standing = standing
    this.#context.changed()
  }
}
