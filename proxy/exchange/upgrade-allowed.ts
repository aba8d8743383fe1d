import { ANY_UPGRADE } from '../../core/contract.ts'
import type { RequestHead } from '../http/message.ts'
import type { ForwardAction } from '../model/route.ts'

/** Whether the protocol that the request asks for instead of HTTP may be had on its route. */
export function upgradeAllowed(head: RequestHead, action: ForwardAction): boolean {
  const wanted = head.method === 'CONNECT' && head.upgrade === '' ? 'connect' : head.upgrade
  // CONNECT asks for a tunnel to anywhere: it has to be named.
  return action.upgrades.includes(wanted) || (wanted !== 'connect' && action.upgrades.includes(ANY_UPGRADE))
}
