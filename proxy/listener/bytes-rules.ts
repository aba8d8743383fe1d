import { NO_STEPS, type RequestSteps } from '../steps/request-steps.ts'
import type { ArrivedConnection, ConnectionStep, RequestStep } from '../steps/step.ts'

/**
 * Who may of the requests of a connection whose port carries bytes by now: what holds for the connection. The other filters of
 * requests are gone with the chain that had them.
 */
export function stepsOfBytes(
  authorizers: readonly ConnectionStep[],
  connection: ArrivedConnection,
): RequestSteps {
  if (authorizers.length === 0) return NO_STEPS
  const step: RequestStep = {
    authorizes: { byFields: false },
    decide(_hop, _head, _route, record) {
      for (const one of authorizers) {
        const refusal = one.decide(connection, record)
        if (refusal)
          return {
            kind: 'answer',
            flags: refusal.flags,
            reply: { status: 403, details: refusal.details, text: 'access denied' },
          }
      }
      return undefined
    },
  }
  return { ...NO_STEPS, steps: [step], authorizers: [step] }
}
