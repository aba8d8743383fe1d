import { CONTROL_PLANE } from '../../core/contract.ts'
import { describeError } from '../../core/errors.ts'
import { eventRequest, type EventContent } from '../kubernetes/event.ts'
import type { IssuerTrouble } from '../issuers/issuer.ts'
import type { StartWriter } from './writer.ts'

/** Of one reason; what changes more often is in the log. Milliseconds. */
const EVERY_MS = 60_000

/** Tells by Events of the control plane's Deployment that the issuer gives no certificates, why, and that it does again. */
export const tellIssuer: StartWriter = ({ connection, namespace, issuer, log, clock, mayWrite }) => {
  const about = { apiVersion: 'apps/v1', kind: 'Deployment', namespace, name: CONTROL_PLANE }
  const told = new Map<string, number>()
  const writing = new Set<Promise<unknown>>()

  const write = (event: EventContent): void => {
    if (!mayWrite()) return
    const request = connection
      .request(eventRequest(about, event, clock.now()))
      .catch((error: unknown) => log.debug('an Event could not be written', { reason: describeError(error) }))
      .finally(() => writing.delete(request))
    writing.add(request)
  }
  const tell = (trouble: IssuerTrouble | undefined): void => {
    const now = clock.now()
    if (!trouble) {
      if (told.size === 0) return
      told.clear()
      return write({ type: 'Normal', reason: 'IssuerSigns', message: `${issuer.title} signs again` })
    }
    if (now - (told.get(trouble.code) ?? Number.NEGATIVE_INFINITY) < EVERY_MS) return
    told.set(trouble.code, now)
    write({ type: 'Warning', reason: 'IssuerFailed', message: `${issuer.title}: ${trouble.reason}` })
  }
  if (issuer.trouble.value) tell(issuer.trouble.value)
  const unwatch = issuer.trouble.watch(tell)
  return {
    async stop() {
      unwatch()
      await Promise.all(writing)
    },
  }
}
