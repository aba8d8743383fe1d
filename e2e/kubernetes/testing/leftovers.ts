import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

const SETTINGS = [
  'kernel/hostname',
  'kernel/panic',
  'kernel/panic_on_oops',
  'kernel/keys/root_maxkeys',
  'kernel/keys/root_maxbytes',
  'vm/overcommit_memory',
  'vm/panic_on_oom',
  'net/ipv4/ip_forward',
  'net/ipv4/conf/all/route_localnet',
]

/** What a cluster could change on the machine: settings, links, routes, packet filter rules, mounts. */
export function machineState(): Readonly<Record<string, string>> {
  const said = (program: string, ...args: string[]) => execFileSync(program, args, { encoding: 'utf8' })
  const rules = (program: string) =>
    said(program)
      .split('\n')
      .filter((line) => !line.startsWith('#'))
      .map((line) => line.replace(/\[\d+:\d+\]/, ''))
      .join('\n')
  return {
    ...Object.fromEntries(SETTINGS.map((name) => [name, readFileSync(`/proc/sys/${name}`, 'utf8').trim()])),
    links: said('ip', '-o', 'link'),
    routes: said('ip', 'route'),
    rules: rules('iptables-save'),
    mounts: readFileSync('/proc/self/mountinfo', 'utf8'),
  }
}

/** A cluster as the machine sees it while it runs: its id, and its namespaces. */
export interface Traces {
  readonly id: string
  readonly namespaces: ReadonlySet<string>
}

const NAMESPACES = ['mnt', 'net', 'uts', 'ipc', 'pid', 'cgroup']

/** `logs`: of a cluster that runs. */
export function tracesOf(logs: string): Traces {
  const state = dirname(logs)
  const pid = readFileSync(`${state}/pid`, 'utf8').trim()
  return {
    id: basename(state),
    namespaces: new Set(NAMESPACES.map((name) => readlinkSync(`/proc/${pid}/ns/${name}`))),
  }
}

/** Processes, namespaces, mounts, cgroups and directories of a cluster that are still there; empty when nothing is. */
export function leftovers({ id, namespaces }: Traces): string[] {
  const found: string[] = []
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      if (readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(id)) found.push(`process ${pid}`)
      const inside = NAMESPACES.map((name) => readlinkSync(`/proc/${pid}/ns/${name}`)).filter((one) =>
        namespaces.has(one),
      )
      // The kernel gives the number of one that has gone to the next that is made, whoever makes it.
      if (inside.length > 1) found.push(`process ${pid} in ${inside.join(', ')}`)
    } catch {
      // Gone meanwhile.
    }
  }
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n')
  found.push(
    ...mounts.filter((line) => line.includes(id) || [...namespaces].some((one) => line.includes(one))),
  )
  const named = (directory: string) => {
    const args = [directory, '-xdev', '-type', 'd', '-name', `*${id}*`]
    return execFileSync('sh', ['-c', 'find "$@" 2>/dev/null || true', 'find', ...args], { encoding: 'utf8' })
      .split('\n')
      .filter(Boolean)
  }
  for (const line of mounts) {
    const mount = / (\S+) \S+ (?:\S+ )*- cgroup/.exec(line)?.[1]
    if (mount !== undefined) found.push(...named(mount))
  }
  return [...found, ...readdirSync(tmpdir()).filter((name) => name.includes(id))]
}

const POLL_MS = 50

/** Resolves when nothing of the cluster is left; rejects with what is after `limitMs`. */
export async function untilNothingLeft(traces: Traces, limitMs = 30_000): Promise<void> {
  const end = performance.now() + limitMs
  for (let found = leftovers(traces); found.length > 0; found = leftovers(traces)) {
    if (performance.now() > end) throw new Error(`still there: ${found.join(', ')}`)
    await delay(POLL_MS)
  }
}
