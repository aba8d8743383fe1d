import type { Status } from '../../../core/xds/generated/envoy.js'
import { rejection } from './session.ts'

// A client that never answers costs no more than this.
const MAX_UNANSWERED = 64
const MAX_UNANSWERED_NAMES = 100_000

/** What one client said of the responses of one type: each is taken (ACK) or refused (NACK), by its nonce. */
export class Answers {
  /** Why the client refused, or '' when everything that it was sent is in force. */
  refused = ''
  readonly #unanswered = new Map<string, ReadonlySet<string>>()
  #unansweredNames = 0
  #refusedNames: ReadonlySet<string> = new Set()

  get waiting(): boolean {
    return this.#unanswered.size > 0
  }

  sent(nonce: string, names: ReadonlySet<string>): void {
    this.#unanswered.set(nonce, names)
    this.#unansweredNames += names.size
    for (const oldest of this.#unanswered.keys()) {
      const fits = this.#unanswered.size <= MAX_UNANSWERED && this.#unansweredNames <= MAX_UNANSWERED_NAMES
      if (fits || oldest === nonce) break
      this.#take(oldest)
    }
  }

  /** State of the world: the next response is the only one that counts. */
  supersede(): void {
    this.#unanswered.clear()
    this.#unansweredNames = 0
  }

  /** False for a nonce that is stale, was answered before, or is none of ours. */
  answered(nonce: string, error: Status | undefined): boolean {
    const names = this.#take(nonce)
    if (!names) return false
    if (error) {
      this.refused = rejection(error)
      this.#refusedNames = names
    } else if (this.#refusedNames.size === 0 || !this.#refusedNames.isDisjointFrom(names)) {
      // What was refused has been replaced by something that was taken. Which of the names it was, nobody says; a
      // response about others leaves the refusal standing.
      this.refused = ''
    }
    return true
  }

  #take(nonce: string): ReadonlySet<string> | undefined {
    const names = this.#unanswered.get(nonce)
    this.#unanswered.delete(nonce)
    this.#unansweredNames -= names?.size ?? 0
    return names
  }
}
