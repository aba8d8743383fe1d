import { Answers } from './answers.ts'
import { WILDCARD } from './session.ts'
import { heldBy, keepOnly, type Subscription } from './subscriptions.ts'

/** What one stream of the state-of-the-world variant holds of one type. */
export interface SotwSubscription extends Subscription {
  wildcard: boolean
  /** Whether a request ever had names: from then on none means nothing, and before everything. */
  explicit: boolean
  names: ReadonlySet<string>
  /** Of the response that was sent last, the only one whose answer counts. */
  nonce: string
}

export function newSubscription(): SotwSubscription {
  return {
    wildcard: false,
    explicit: false,
    names: new Set(),
    sent: new Map(),
    nonce: '',
    answers: new Answers(),
    held: 0,
  }
}

/** Takes the names of a request, which are all that the client wants now. True: it wants something more than before. */
export function subscribe(
  subscription: SotwSubscription,
  asked: readonly string[],
  legacyWildcard: boolean,
): boolean {
  const { names: before, wildcard: all, sent } = subscription
  const names = new Set(asked)
  const wildcard = names.delete(WILDCARD)
  subscription.explicit ||= asked.length > 0
  subscription.wildcard = wildcard || (legacyWildcard && !subscription.explicit)
  subscription.names = names
  subscription.held = 0
  for (const name of names) subscription.held += heldBy(name)
  let more = subscription.wildcard && !all
  for (const name of names) {
    if (before.has(name)) continue
    // "the server must resend any newly requested resources, even if it previously sent those".
    sent.delete(name)
    more = true
  }
  if (!subscription.wildcard) keepOnly(sent, names)
  return more
}
