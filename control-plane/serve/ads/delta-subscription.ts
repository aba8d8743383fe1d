import { Answers } from './answers.ts'
import { WILDCARD } from './session.ts'
import { heldBy, keepOnly, type Subscription } from './subscriptions.ts'

/** What one stream of the incremental variant holds of one type. */
export interface DeltaSubscription extends Subscription {
  wildcard: boolean
  /** Asked for by name. */
  readonly names: Set<string>
  /** What each of the names follows; see scopeOf. */
  readonly scopes: Map<string, string | undefined>
  /** Version that was sent last under each name; '' when the client was told that it does not exist. */
  readonly sent: Map<string, string>
}

/** No version of anything: what is held under it has to be told anew. */
export const UNKNOWN = '?'

export function newSubscription(): DeltaSubscription {
  return {
    wildcard: false,
    names: new Set(),
    scopes: new Map(),
    sent: new Map(),
    answers: new Answers(),
    held: 0,
  }
}

/** Takes away the names that a request unsubscribes from. */
export function unsubscribeFrom(subscription: DeltaSubscription, asked: readonly string[]): void {
  const { names, scopes, sent } = subscription
  for (const name of asked) {
    scopes.delete(name)
    if (name === WILDCARD) subscription.wildcard = false
    // Under a wildcard the client is told again whether it stays.
    else if (names.delete(name)) {
      sent.set(name, UNKNOWN)
      subscription.held -= heldBy(name)
    }
  }
  if (asked.length > 0 && !subscription.wildcard) keepOnly(sent, names)
}

/** Adds the names that a request subscribes to; `resend` is false on the first request of a type. */
export function subscribeTo(
  subscription: DeltaSubscription,
  asked: readonly string[],
  resend: boolean,
): void {
  for (const name of asked) {
    if (name === WILDCARD) {
      subscription.wildcard = true
      continue
    }
    // "the server must resend any newly requested resources, even if it previously sent those"; and asked again,
    // answered again. On a first request initial_resource_versions says what the client holds.
    if (resend) subscription.sent.delete(name)
    if (!subscription.names.has(name)) subscription.held += heldBy(name)
    subscription.names.add(name)
  }
}
