import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Test } from 'tap'

/** `weft control-plane --kubernetes` as a process of this machine. */
export interface Replica {
  readonly pid: number
  readonly grpcPort: number
  readonly httpPort: number
  /** Lines of its log so far, parsed. */
  readonly log: readonly LogLine[]
  /** Resolves with the first line whose message matches, once there is one. */
  said(message: RegExp): Promise<LogLine>
  /** Resolves with the exit code; null after SIGKILL. */
  end(signal?: 'SIGTERM' | 'SIGKILL'): Promise<number | null>
}

export interface LogLine {
  readonly level: string
  readonly message: string
  readonly [field: string]: unknown
}

const WEFT = join(import.meta.dirname, '../../../cli/weft.ts')

/** Starts one; resolves once it says that it is ready. Whatever happens, it ends with the test. */
export async function startReplica(
  t: Test,
  kubeconfig: string,
  flags: readonly string[] = [],
): Promise<Replica> {
  const address = '127.0.0.1:0'
  const argv = [WEFT, 'control-plane', '--kubernetes', '--kubeconfig', kubeconfig, '--grpc', address]
  const child = spawn(process.execPath, [...argv, '--http', address, ...flags], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const log: LogLine[] = []
  const waiting = new Set<() => void>()
  let ended = false
  const exited = once(child, 'close').then(([code]) => {
    ended = true
    for (const wake of waiting) wake()
    return code as number | null
  })
  t.teardown(async () => {
    child.kill('SIGKILL')
    await exited
  })
  createInterface({ input: child.stderr }).on('line', (line) => {
    if (!line.startsWith('{')) return
    log.push(JSON.parse(line) as LogLine)
    for (const wake of waiting) wake()
  })
  const said = async (message: RegExp): Promise<LogLine> => {
    for (;;) {
      const line = log.find((one) => message.test(one.message))
      if (line) return line
      if (ended) throw new Error(`it ended before it said ${message}: ${JSON.stringify(log.slice(-3))}`)
      const { promise, resolve } = Promise.withResolvers<void>()
      waiting.add(resolve)
      await promise
      waiting.delete(resolve)
    }
  }
  const ready = await said(/control plane ready/)
  return {
    pid: child.pid ?? 0,
    grpcPort: Number(ready['grpc']),
    httpPort: Number(ready['http']),
    log,
    said,
    end(signal = 'SIGTERM') {
      child.kill(signal)
      return exited
    },
  }
}
