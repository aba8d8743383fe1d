import type { Status } from '../../../core/xds/generated/envoy.js'
import { rejection } from './session.ts'

// A client that never answers costs no more than this.
const MAX_UNANSWERED = 64

/** What one client said of the responses of one type: each is taken (ACK) or refused (NACK), by its nonce. */
export class Answers {
  /** Why the client refused, or '' when everything that it was sent is in force. */
  refused = ''
  readonly #unanswered = new Map<string, ReadonlySet<string>>()
  #refusedNames: ReadonlySet<string> = new Set()

  get waiting(): boolean {
    return this.#unanswered.size > 0
  }

  sent(nonce: string, names: ReadonlySet<string>): void {
    const [oldest] = this.#unanswered.keys()
    if (oldest !== undefined && this.#unanswered.size >= MAX_UNANSWERED) this.#unanswered.delete(oldest)
    this.#unanswered.set(nonce, names)
  }

  /** State of the world: the next response is the only one that counts. */
  supersede(): void {
    this.#unanswered.clear()
  }

  /** False for a nonce that is stale, was answered before, or is none of ours. */
  answered(nonce: string, error: Status | undefined): boolean {
    const names = this.#unanswered.get(nonce)
    if (!names) return false
    this.#unanswered.delete(nonce)
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
}
