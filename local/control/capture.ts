import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { WeftError } from '../../core/errors.ts'

/** Packet captures on the node's end of a pod's veth pair, by tcpdump. */
export class Captures {
  readonly #directory: string
  readonly #running = new Map<string, { child: ChildProcess; file: string }>()
  #next = 1

  constructor(directory: string) {
    this.#directory = directory
  }

  /** Resolves once packets are being taken. */
  async start(device: string, filter: string | undefined): Promise<{ id: string; file: string }> {
    await mkdir(this.#directory, { recursive: true })
    const id = String(this.#next++)
    const file = join(this.#directory, `${id}.pcap`)
    const args = [
      '-i',
      device,
      // Each packet at once: what the kernel still gathers when the capture ends would be lost.
      '-U',
      '--immediate-mode',
      '-s',
      '0',
      '-Z',
      'root',
      '-w',
      file,
      ...(filter === undefined ? [] : [filter]),
    ]
    const child = spawn('tcpdump', args, { stdio: ['ignore', 'ignore', 'pipe'] })
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
      await settled(capture.file)
      capture.child.kill('SIGINT')
      await once(capture.child, 'exit')
    }
    return { file: capture.file }
  }
}

const QUIET_MS = 200
const LONGEST_MS = 2000

/** Resolves once a file has stopped growing, or is not going to on a busy wire. */
async function settled(file: string): Promise<void> {
  const deadline = Date.now() + LONGEST_MS
  let before = -1
  while (Date.now() < deadline) {
    const { size } = await stat(file)
    if (size === before) return
    before = size
    await new Promise((resolve) => setTimeout(resolve, QUIET_MS))
  }
}
