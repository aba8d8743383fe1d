import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'

/** Where callers are that no scene gives another address. */
export const ANYWHERE = '10.2.0.7'
const IPV6 = ['fd00:2::', 'fd00:3::']

/**
 * All addresses of the scenes are this machine's, in a network namespace that nothing else is in, and whoever chooses none
 * calls from ANYWHERE.
 */
export function addAddresses(): void {
  const ip = (...words: string[]): void => void execFileSync('ip', words, { stdio: 'pipe' })
  for (const block of ['10.1.0.0/16', '10.2.0.0/16', '10.3.0.0/16', '203.0.113.0/24'])
    ip('route', 'add', 'local', block, 'dev', 'lo')
  ip('route', 'replace', 'local', '10.1.0.0/16', 'dev', 'lo', 'table', 'local', 'src', ANYWHERE)
  // With a route alone nobody may bind an address of IPv6.
  writeFileSync('/proc/sys/net/ipv6/ip_nonlocal_bind', '1')
  for (const address of IPV6) ip('-6', 'route', 'add', 'local', `${address}/32`, 'dev', 'lo')
}
