import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { replacePrivateFile } from '../../../certs/private-file.ts'
import { WeftError } from '../../../core/errors.ts'

/** A cluster that `up` left running. */
export interface RunningCluster {
  readonly name: string
  readonly mode: 'api' | 'node'
  /** Of the process that holds it: SIGTERM ends the cluster. */
  readonly pid: number
  readonly kubeconfig: string
  readonly kubectl: string
  /** Put before a command line that should run inside. */
  readonly execArgv: readonly string[]
}

const PREFIX = 'weft-kubernetes-running-'
const POLL_MS = 50

function path(name: string): string {
  return join(tmpdir(), `${PREFIX}${name}.json`)
}

export function writeRunning(cluster: RunningCluster): void {
  replacePrivateFile(path(cluster.name), JSON.stringify(cluster))
}

export function removeRunning(name: string): void {
  rmSync(path(name), { force: true })
}

function find(name: string): RunningCluster | undefined {
  try {
    const found = JSON.parse(readFileSync(path(name), 'utf8')) as RunningCluster
    process.kill(found.pid, 0)
    return found
  } catch {
    // None, or its holder was killed: the cluster went with it.
    removeRunning(name)
    return undefined
  }
}

/** Throws WeftError `kubernetes.not_running`. */
export function findRunning(name: string): RunningCluster {
  const found = find(name)
  if (found) return found
  throw new WeftError(
    'kubernetes.not_running',
    `no cluster \`${name}\` runs: start it with \`up --name ${name}\``,
  )
}

/** Throws WeftError `kubernetes.running` if there is one of that name. */
export function refuseRunning(name: string): void {
  if (find(name))
    throw new WeftError(
      'kubernetes.running',
      `a cluster \`${name}\` runs already: \`down --name ${name}\` ends it`,
    )
}

export function allRunning(): RunningCluster[] {
  return readdirSync(tmpdir())
    .filter((file) => file.startsWith(PREFIX) && file.endsWith('.json'))
    .map((file) => find(file.slice(PREFIX.length, -'.json'.length)))
    .filter((one) => one !== undefined)
}

export async function untilNotRunning(name: string): Promise<void> {
  while (find(name)) await delay(POLL_MS)
}
