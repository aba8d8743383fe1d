import type { HealthSignal, SignalContext, Standing } from './signal.ts'

/** An endpoint that has left the cluster is never picked: its pools are closed. */
export class Removed implements HealthSignal {
  readonly name = 'removed'
  standing: Standing = 'use'
  readonly #context: SignalContext

  constructor(context: SignalContext) {
    this.#context = context
  }

  removed(): void {
    this.standing = 'avoid'
    this.#context.changed()
  }
}
