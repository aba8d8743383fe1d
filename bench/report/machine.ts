import { readFileSync } from 'node:fs'
import os from 'node:os'
import type { Peer } from '../peers/peer.ts'

/** The machine and the versions that figures come from, as lines of a list. */
export function machineText(peers: readonly Peer[]): string {
  const cpus = os.cpus()
  const memory = Math.round(os.totalmem() / 2 ** 30)
  return [
    `- ${new Date().toISOString().slice(0, 10)}, ${cpus.length} CPUs (${cpus[0]?.model ?? 'unknown'}), ${memory} GiB, Linux ${os.release()}, ${distribution()}`,
    ...peers.map((peer) => `- ${peer.name} ${peer.version()}`),
  ].join('\n')
}

function distribution(): string {
  try {
    return /^PRETTY_NAME="(.*)"$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? os.type()
  } catch {
    return os.type()
  }
}
