import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { WeftError } from '../../core/errors.ts'

/** Packet captures on the node's end of a pod's veth pair, by tcpdump. */
export class Captures {
  readonly #directory: string
  readonly #running = new Map<string, { child: ChildProcess; file: string }>()
  readonly #prefix: readonly string[]
  #next = 1

  /** `prefix`: put before tcpdump, and replaced by it, to run it in another network namespace. */
  constructor(directory: string, prefix: readonly string[] = []) {
    this.#directory = directory
    this.#prefix = prefix
  }

  /** Resolves once packets are being taken. `prefix`: comes before tcpdump, too, and enters another network namespace. */
  async start(
    device: string,
    filter: string | undefined,
    prefix: readonly string[] = [],
  ): Promise<{ id: string; file: string }> {
    await mkdir(this.#directory, { recursive: true })
    const id = String(this.#next++)
    const file = join(this.#directory, `${id}.pcap`)
    const args = [
      '-i',
      device,
      // KiB. Its own 2 MiB hold no burst that comes while it waits for its turn; in immediate mode, 32 packets.
      '-B',
      '32768',
      '-U',
      '-s',
      '0',
      '-Z',
      'root',
      '-w',
      file,
      ...(filter === undefined ? [] : [filter]),
    ]
    const [program = '', ...its] = [...this.#prefix, ...prefix, 'tcpdump', ...args]
    const child = spawn(program, its, { stdio: ['ignore', 'ignore', 'pipe'] })
    let said = ''
    await new Promise<void>((resolve, reject) => {
      child.on('error', () =>
        reject(new WeftError('local.no_tcpdump', 'captures need tcpdump: apt-get install tcpdump')),
      )
      child.on('exit', () =>
        reject(new WeftError('local.capture', `tcpdump ended: ${said.trim().split('\n').at(-1)}`)),
      )
      child.stderr?.on('data', (chunk: Buffer) => {
        said = (said + chunk.toString('utf8')).slice(-2000)
        if (said.includes('listening on')) resolve()
      })
    })
    this.#running.set(id, { child, file })
    return { id, file }
  }

  /** Ends a capture; what was on the wire before is then in its file. */
  async stop(id: string): Promise<{ file: string }> {
    const capture = this.#running.get(id)
    if (!capture) throw new WeftError('local.no_capture', `no capture ${id} runs`)
    this.#running.delete(id)
    if (capture.child.exitCode === null) {
      await allTaken(capture.child)
      capture.child.kill('SIGINT')
      await once(capture.child, 'exit')
    }
    return { file: capture.file }
  }
}

const LONGEST_MS = 10_000
const AGAIN_MS = 20

/**
 * Resolves once tcpdump has taken every packet that the kernel has for it: at SIGUSR1 it tells how many there are
 * of both (tcpdump(1)). On a starved machine it is seconds behind, and at its end drops what it had not come to.
 */
async function allTaken(child: ChildProcess): Promise<void> {
  const deadline = Date.now() + LONGEST_MS
  while (child.exitCode === null && Date.now() < deadline) {
    const told = await counts(child, deadline - Date.now())
    if (!told || told.captured + told.dropped >= told.received) return
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS))
  }
}

interface PacketCounts {
  readonly captured: number
  readonly received: number
  readonly dropped: number
}

/** What tcpdump says of itself; undefined when it says nothing in time. */
async function counts(child: ChildProcess, limitMs: number): Promise<PacketCounts | undefined> {
  const { promise, resolve } = Promise.withResolvers<PacketCounts | undefined>()
  let said = ''
  const read = (chunk: Buffer): void => {
    said += chunk.toString('utf8')
    const [, captured, received, dropped] =
      /(\d+) packets? captured, (\d+) packets? received by filter, (\d+) packets? dropped/.exec(said) ?? []
    if (dropped === undefined) return
    resolve({ captured: Number(captured), received: Number(received), dropped: Number(dropped) })
  }
  const nothing = (): void => resolve(undefined)
  const timer = setTimeout(nothing, limitMs)
  child.stderr?.on('data', read)
  child.once('exit', nothing)
  child.kill('SIGUSR1')
  try {
    return await promise
  } finally {
    clearTimeout(timer)
    child.stderr?.off('data', read)
    child.off('exit', nothing)
  }
}
