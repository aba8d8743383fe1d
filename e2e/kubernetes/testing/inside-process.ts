import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { KubernetesCluster } from '../cluster/cluster.ts'

/** A program in a cluster's namespaces. */
export interface InsideProcess {
  /** Lines of its standard error so far. */
  readonly log: readonly string[]
  readonly ended: boolean
  /** Resolves with the first line that matches, once there is one. */
  until(pattern: RegExp): Promise<string>
  /** Resolves with the exit code, null after a signal that ended it. */
  stop(signal?: 'TERM' | 'KILL'): Promise<number | null>
}

/** Starts it there; resolves once its standard error says `ready`. */
export async function startInside(
  cluster: KubernetesCluster,
  argv: readonly string[],
  ready: RegExp,
): Promise<InsideProcess> {
  // First its process id in there: what enters the namespaces passes no signal on.
  const shell = ['sh', '-c', 'echo $$ >&2; exec "$@"', 'inside', ...argv]
  const [program = '', ...args] = cluster.execArgv(shell)
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  const log: string[] = []
  const waiting = new Set<() => void>()
  let ended = false
  const wake = () => [...waiting].forEach((one) => one())
  const exited = once(child, 'close').then(([code]) => {
    ended = true
    wake()
    return code as number | null
  })
  createInterface({ input: child.stderr }).on('line', (line) => {
    log.push(line)
    wake()
  })
  const until = async (pattern: RegExp): Promise<string> => {
    for (;;) {
      const line = log.find((one) => pattern.test(one))
      if (line !== undefined) return line
      if (ended) throw new Error(`${argv.join(' ')} ended: ${log.slice(-5).join('\n')}`)
      const { promise, resolve } = Promise.withResolvers<void>()
      waiting.add(resolve)
      await promise
      waiting.delete(resolve)
    }
  }
  await until(ready)
  return {
    log,
    get ended() {
      return ended
    },
    until,
    async stop(signal = 'TERM') {
      await cluster.exec(['kill', `-${signal}`, log[0] ?? ''])
      return exited
    },
  }
}
