import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Teardown } from '../pair/testing/pair.ts'
import type { Place } from './calling.ts'

const DIALLER = fileURLToPath(new URL('./dialler.ts', import.meta.url))

/** A neighbour on the network of this process's namespace, whose connections come in by a device as those of other pods do. */
export class Elsewhere {
  readonly #path: string

  private constructor(path: string) {
    this.#path = path
  }

  /** Until the end of the test. Addresses with their prefix lengths. */
  static async join(
    t: Teardown,
    addresses: { readonly here: readonly string[]; readonly there: readonly string[] },
  ): Promise<Elsewhere> {
    // Paths of sockets are 107 bytes at most.
    const folder = mkdtempSync(join(tmpdir(), 'weft-elsewhere-'))
    const path = join(folder, 'dialler')
    const child = spawn('unshare', ['--net', '--', process.execPath, DIALLER, path], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    t.teardown(async () => {
      await ended(child)
      rmSync(folder, { recursive: true, force: true })
    })
    await once(child, 'message')
    const pid = String(child.pid)
    const ip = (...words: string[]): void => void execFileSync('ip', words, { stdio: 'pipe' })
    ip('link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', pid)
    ip('link', 'set', 'eth0', 'up')
    const there = (...words: string[]): void =>
      void execFileSync('nsenter', ['--net', '--target', pid, 'ip', ...words], { stdio: 'pipe' })
    there('link', 'set', 'eth0', 'up')
    for (const [run, all] of [
      [ip, addresses.here],
      [there, addresses.there],
    ] as const)
      // nodad: an address of IPv6 is usable at once.
      for (const one of all)
        run('address', 'add', one, 'dev', 'eth0', ...(one.includes(':') ? ['nodad'] : []))
    return new Elsewhere(path)
  }

  /** A connection from there. Its end, and what was refused, are the end of this one. */
  async dial(place: Place): Promise<Socket> {
    const socket = connect(this.#path)
    socket.on('error', () => {})
    await once(socket, 'connect')
    socket.write(`${JSON.stringify(place)}\n`)
    return socket
  }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.disconnect()
  await once(child, 'exit')
}
