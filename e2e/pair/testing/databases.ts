import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { debianPostgresql, debianProgram, type InstalledProgram } from '../../programs/debian.ts'
import { describeError } from '../../../core/errors.ts'
import { freePort } from '../../../core/testing/free-ports.ts'

const CACHE = join(import.meta.dirname, '..', '..', '..', '.cache', 'bench')
// PostgreSQL refuses to run as root: root becomes somebody else in a user namespace, with the files that it has.
const NOT_ROOT =
  process.getuid?.() === 0 ? ['unshare', '--user', '--map-user=1000', '--map-group=1000', '--'] : []

export interface Found {
  readonly program: InstalledProgram | undefined
  readonly skip: false | string
}

export function findRedis(): Found {
  return find(() => debianProgram('redis-server', CACHE))
}

export function findPostgresql(): Found {
  const found = find(() => debianPostgresql(CACHE))
  const [command, ...args] = [...NOT_ROOT, 'true']
  if (found.program !== undefined && spawnSync(command as string, args).status !== 0)
    return { program: undefined, skip: 'PostgreSQL does not run as root, and no user namespace is to be had' }
  return found
}

function find(get: () => InstalledProgram): Found {
  try {
    return { program: get(), skip: false }
  } catch (error) {
    return { program: undefined, skip: describeError(error) }
  }
}

/** A Redis of its own on loopback, without files; gives its port. */
export async function startRedis(t: Test, program: InstalledProgram): Promise<number> {
  const port = await freePort()
  const flags = { '--port': String(port), '--bind': '127.0.0.1', '--save': '', '--appendonly': 'no' }
  const argv = [...program.argv, ...Object.entries(flags).flat(), '--dir', folderOf(t)]
  await run(t, argv, program, 'Ready to accept connections', 'SIGTERM')
  return port
}

/** A PostgreSQL of its own on loopback with the superuser `weft`; gives its port. */
export async function startPostgresql(t: Test, program: InstalledProgram): Promise<number> {
  const port = await freePort()
  const folder = folderOf(t)
  const data = join(folder, 'data')
  const bin = (name: string): string[] => [...NOT_ROOT, join(program.argv[0] as string, name)]
  const [command, ...args] = [
    ...bin('initdb'),
    ...['-D', data, '-U', 'weft', '-A', 'trust', '-E', 'UTF8', '--no-locale', '--no-sync'],
  ]
  const env = { ...process.env, ...program.env }
  const made = spawnSync(command as string, args, { env, encoding: 'utf8' })
  if (made.status !== 0) throw new Error(`initdb: ${made.stderr}`)
  const settings = ['fsync=off', 'jit=off', 'listen_addresses=127.0.0.1', `unix_socket_directories=${folder}`]
  const argv = [
    ...bin('postgres'),
    ...['-D', data, '-p', String(port), ...settings.flatMap((setting) => ['-c', setting])],
  ]
  await run(t, argv, program, 'ready to accept connections', 'SIGINT')
  return port
}

function folderOf(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'weft-database-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Runs a server until the end of the test; resolves when it has said `ready`. */
async function run(
  t: Test,
  [command, ...args]: readonly string[],
  program: InstalledProgram,
  ready: string,
  stop: NodeJS.Signals,
): Promise<void> {
  const child: ChildProcess = spawn(command as string, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...program.env },
  })
  const exit = once(child, 'exit')
  t.teardown(async () => {
    child.kill(stop)
    await exit
  })
  let said = ''
  await new Promise<void>((resolve, reject) => {
    for (const from of [child.stdout, child.stderr])
      from?.on('data', (text: Buffer) => {
        said += String(text)
        if (said.includes(ready)) resolve()
      })
    child.once('exit', () => reject(new Error(`${command} ended: ${said}`)))
    child.once('error', reject)
  })
}
