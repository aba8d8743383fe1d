import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { isIPv6 } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

/** In this namespace nobody gets a connection to this place, and nobody is told so. Gives what ends that; TCP then tries again. */
export function holdConnections(host: string, port: number): () => void {
  const iptables = (how: '-A' | '-D'): void => {
    const words = ['INPUT', '-d', host, '-p', 'tcp', '--dport', String(port), '--syn', '-j', 'DROP']
    execFileSync(isIPv6(host) ? 'ip6tables' : 'iptables', [how, ...words], { stdio: 'pipe' })
  }
  iptables('-A')
  return () => iptables('-D')
}

/** linux/tcp_states.h: TCP_ESTABLISHED, TCP_SYN_SENT, TCP_CLOSE_WAIT. */
const STATES = { established: '01', waiting: '02', left: '08' }

/** Until somebody waits for a connection to this place. */
export function waitingTo(host: string, port: number): Promise<void> {
  return until(() => connectionsTo(host, port).includes(STATES.waiting))
}

/** Until nobody waits for a connection to this place any more. */
export function noneWaitsTo(host: string, port: number): Promise<void> {
  return until(() => !connectionsTo(host, port).includes(STATES.waiting))
}

/** Until nobody has, or waits for, a connection to this place. `drop` ends what the other side has of them. */
export function noneConnectedTo(host: string, port: number, drop: () => void): Promise<void> {
  const open = new Set(Object.values(STATES))
  return until(() => {
    drop()
    return !connectionsTo(host, port).some((state) => open.has(state))
  })
}

/** States of the sockets of this namespace that are, or want to be, connected to a port by the family of `host`. */
function connectionsTo(host: string, port: number): string[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  return readFileSync(isIPv6(host) ? '/proc/net/tcp6' : '/proc/net/tcp', 'utf8')
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .flatMap(([, , remote = '', state = '']) => (remote.endsWith(suffix) ? [state] : []))
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await delay(5)
}
