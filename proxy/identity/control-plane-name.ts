import { isIP } from 'node:net'
import { CONTROL_PLANE, systemServiceHost } from '../../core/contract.ts'

/**
 * The name that the control plane's certificate must have: the one that it is called by (RFC 9110 section 4.3.4), whatever
 * namespace it is installed in. For an address, the name of an installation that says nothing else.
 */
export function controlPlaneName(address: string): string {
  const host = address.slice(0, address.lastIndexOf(':'))
  return host.startsWith('[') || host === 'localhost' || isIP(host) !== 0
    ? systemServiceHost(CONTROL_PLANE)
    : host
}
