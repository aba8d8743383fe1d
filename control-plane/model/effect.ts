import type { Condition } from './route.ts'

// What becomes of requests while a mistake is there, in a sentence for people.

/** Of a file or an object that cannot be read. */
export const EFFECT_OF_WHAT_IS_UNREAD =
  'What was read of it last stays in force; if nothing ever was, what is wrong counts as not there.'

/** Of a policy that is not in force for one of its targets. */
export const EFFECT_OF_A_POLICY = 'There, requests are treated as if it did not exist.'

const EFFECTS: Readonly<Record<Condition['type'], string>> = {
  Accepted: 'The route is not in force here: requests go where they would without it.',
  ResolvedRefs:
    "Requests that are this backend's share get 500, gRPC calls UNAVAILABLE; copies that a mirror sends there are not sent.",
  PartiallyInvalid:
    'These rules are left out: other rules that match get their requests, and where none does the answer is 404.',
  'weft.dev/LimitedWithoutSidecar': 'Calls through a sidecar are not touched.',
}

/** Of what a condition of a route says, with the route `inForce` at one of its parents or at none. */
export function effectOfCondition(type: Condition['type'], inForce: boolean): string {
  // Nobody follows the references of a route that is not accepted.
  return type === 'Accepted' || inForce
    ? EFFECTS[type]
    : 'No request is led there, as the route is not in force.'
}
