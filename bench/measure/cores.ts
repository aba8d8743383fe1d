import { readFileSync } from 'node:fs'

/** Which CPUs the two halves of a benchmark get; undefined on a machine with one. */
export interface Cores {
  readonly proxies: number
  readonly load: number
}

/** The first two CPUs that this process may run on. */
export function coresOf(status = readFileSync('/proc/self/status', 'latin1')): Cores | undefined {
  const list = /^Cpus_allowed_list:\s+(\S+)$/m.exec(status)?.[1] ?? '0'
  const allowed: number[] = []
  for (const range of list.split(',')) {
    const [from, to = from] = range.split('-').map(Number) as [number, number?]
    for (let cpu = from; cpu <= to; cpu++) allowed.push(cpu)
  }
  const [proxies, load] = allowed
  return proxies === undefined || load === undefined ? undefined : { proxies, load }
}

/** `argv` on one CPU, where there are two. */
export function pinned(argv: readonly string[], cpu: number | undefined): string[] {
  return cpu === undefined ? [...argv] : ['taskset', '--cpu-list', String(cpu), ...argv]
}
