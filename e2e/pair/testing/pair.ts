import { mkdtempSync, rmSync } from 'node:fs'
import type { Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePorts } from '../../../core/testing/free-ports.ts'
import { callerBootstrap, serverBootstrap, type Path, type PathPorts } from './bootstrap.ts'
import { ProxyProcess, type ProxyProgram } from './proxy-process.ts'

export interface PairOptions {
  /** What stands in the link of a path: gets the port of the server's proxy, gives the one to connect to. */
  readonly between?: (name: string, inner: number) => Promise<number>
  /** Further flags of both proxies; the last of a kind counts. */
  readonly flags?: readonly string[]
  /** What runs; otherwise the sources. */
  readonly program?: ProxyProgram
}

/** Where a pair is ended: a test, or whatever else keeps a list. */
export interface Teardown {
  teardown(task: () => unknown): void
}

/** Two proxies with a mutual TLS link: client -> caller's proxy -> server's proxy -> server. */
export interface Pair {
  readonly caller: ProxyProcess
  readonly server: ProxyProcess
  /** Where clients of a path connect. */
  port(name: string): number
  /** Where the server's proxy takes the link of a path: mutual TLS. */
  inner(name: string): number
  /** A killed server's proxy comes back at its old ports. */
  restartServer(): Promise<ProxyProcess>
}

/**
 * Starts a pair as two processes and, at the end of the test, ends it: both must then be alive, and must have
 * said nothing of an error.
 */
export async function startPair(
  t: Teardown,
  paths: readonly Path[],
  options: PairOptions = {},
): Promise<Pair> {
  const folder = mkdtempSync(join(tmpdir(), 'weft-pair-'))
  const free = await freePorts(2 * paths.length + 3)
  const next = (): number => free.pop() as number
  const ports = new Map<string, PathPorts>()
  for (const { name } of paths) {
    const inner = next()
    ports.set(name, { front: next(), inner, link: (await options.between?.(name, inner)) ?? inner })
  }
  const behind = serverBootstrap(paths, ports)
  const { flags, program } = options
  const [ahead, back] = await Promise.allSettled([
    ProxyProcess.start('caller', folder, callerBootstrap(paths, ports), next(), flags, program),
    ProxyProcess.start('server', folder, behind, next(), flags, program),
  ])
  t.teardown(async () => {
    const running = [ahead, back].filter((one) => one.status === 'fulfilled').map(({ value }) => value)
    if (running.length === 2) running[1] = server
    for (const proxy of running) await endProxy(proxy, flags)
    rmSync(folder, { recursive: true, force: true })
  })
  if (ahead.status === 'rejected') throw ahead.reason
  if (back.status === 'rejected') throw back.reason
  const caller = ahead.value
  let server = back.value
  const again = next()
  const pair = {
    caller,
    get server() {
      return server
    },
    port: (name: string) => ports.get(name)?.front ?? 0,
    inner: (name: string) => ports.get(name)?.inner ?? 0,
    async restartServer() {
      server = await ProxyProcess.start('server', folder, behind, again, flags, program)
      return server
    },
  }
  return pair
}

/** Stops it, which ran with `flags`. It must have lived until now, and must have said nothing of an error. */
export async function endProxy(proxy: ProxyProcess, flags: readonly string[] = []): Promise<void> {
  // Clients that a test leaves are cut off, where proxies drain for 0 seconds.
  const expected = flags.includes('--drain-seconds')
    ? /"level":"info"/
    : /"level":"info"|the limit is reached/
  const code = await proxy.stop()
  const faults = proxy.stderr.split('\n').filter((line) => line !== '' && !expected.test(line))
  if (code === 0 && faults.length === 0) return
  // After the end of a test an assertion has no place, and what is thrown would keep others from ending.
  console.error(`the ${proxy.name}'s proxy ended with ${code}: ${faults.join('\n')}`)
  process.exitCode = 1
}

/** Port of a server that listens. */
export function portOf(server: Server): number {
  const address = server.address()
  return typeof address === 'object' && address ? address.port : 0
}
