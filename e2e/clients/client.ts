import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { WeftError } from '../../core/errors.ts'

/** A line of a client's input: calls to make. */
export interface Calls {
  readonly count: number
  /** So many at a time. */
  readonly atOnce: number
  /** `xds:///greeter.shop:50051` */
  readonly target: string
  /** `/greeter.Greeter/SayHello`; the message is empty. */
  readonly method: string
  readonly metadata: Readonly<Record<string, string>>
  readonly deadlineMs: number
  /** With the credentials that xDS says (gRFC A29), and plaintext where it says none. */
  readonly mtls: boolean
}

/** A line of its output. */
export interface Outcome {
  /** How often each answer came: the server's text, or the name of a status, e.g. {"v1":90,"UNAVAILABLE":10}. */
  readonly answers: Readonly<Record<string, number>>
  /** What the first failure said; '' without one. */
  readonly message: string
}

/** How to start the client of one language. */
export interface ClientProgram {
  readonly language: string
  readonly argv: readonly string[]
  /** Names the cluster when a call fails that has nowhere to go. */
  readonly quotesClusters: boolean
}

/** A client as a process of its own: it makes calls when told. */
export interface RunningClient {
  readonly program: ClientProgram
  call(target: string, more?: Partial<Omit<Calls, 'target'>>): Promise<Outcome>
  stop(): Promise<void>
}

/** What a client gets beyond the deadlines of its calls: a JVM starts, a machine is busy. */
const SLACK_MS = 30_000
const END_MS = 10_000

const DEFAULTS: Omit<Calls, 'target'> = {
  count: 1,
  atOnce: 20,
  method: '/greeter.Greeter/SayHello',
  metadata: {},
  deadlineMs: 10_000,
  mtls: false,
}

/**
 * Starts a client with this bootstrap (gRFC A27). What it logs goes to `log`. Calls that outlive their deadlines throw
 * WeftError `clients.hang`, and the client is ended.
 */
export function startClient(
  program: ClientProgram,
  bootstrap: object,
  log: (line: string) => void,
): RunningClient {
  const [file = '', ...args] = program.argv
  const child = spawn(file, args, {
    env: { ...process.env, GRPC_XDS_BOOTSTRAP_CONFIG: JSON.stringify(bootstrap) },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  createInterface({ input: child.stderr }).on('line', log)
  const ended = once(child, 'exit')
  // Whoever waits for a line hears of it.
  ended.catch(() => {})
  child.stdin.on('error', () => {})
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    program,
    async call(target, more) {
      const calls: Calls = { ...DEFAULTS, ...more, target }
      child.stdin.write(`${JSON.stringify(calls)}\n`)
      const limitMs = Math.ceil(calls.count / calls.atOnce) * calls.deadlineMs + SLACK_MS
      let hangs = false
      const limit = setTimeout(() => {
        hangs = true
        child.kill('SIGKILL')
      }, limitMs)
      const { value, done } = await lines.next().finally(() => clearTimeout(limit))
      if (hangs)
        throw new WeftError(
          'clients.hang',
          `${calls.count} calls of ${program.language} to ${target} had not ended after ${limitMs / 1000} s`,
        )
      if (done) throw new Error(`the client of ${program.language} ended`)
      return JSON.parse(value) as Outcome
    },
    async stop() {
      child.stdin.end()
      const limit = setTimeout(() => child.kill('SIGKILL'), END_MS)
      await ended.finally(() => clearTimeout(limit))
    },
  }
}
