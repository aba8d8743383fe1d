import { ANY_UPGRADE } from '../../core/contract.ts'
import type { RequestHead } from '../http/message.ts'
import { hidesRequests } from '../http/upgrade.ts'
import type { ForwardAction } from '../model/route.ts'

/** Whether the protocol that the request asks for instead of HTTP may be had on its route. */
export function upgradeAllowed(head: RequestHead, action: ForwardAction): boolean {
  const wanted = head.method === 'CONNECT' && head.upgrade === '' ? 'connect' : head.upgrade
  if (action.upgrades.includes(wanted)) return true
  // CONNECT asks for a tunnel to anywhere, and some for one in which are requests: these have to be named.
  return wanted !== 'connect' && !hidesRequests(wanted) && action.upgrades.includes(ANY_UPGRADE)
}
