import { constants } from 'node:os'
import { ControlClient } from './control/client.ts'
import { describePod, eventTable } from './control/describe.ts'
import { containerTrouble } from './control/pod-word.ts'
import type { Terminal } from './control/exec-frames.ts'
import { statusTable } from './control/status-table.ts'
import { FlagError, parseFlags } from './flags.ts'
import { controlSocket, stateDirectory } from './state-directory.ts'

interface Call {
  readonly client: ControlClient
  readonly pod: string
  readonly container: { readonly container?: string }
  readonly flags: {
    readonly json: boolean
    readonly follow: boolean
    readonly previous: boolean
    readonly tail: string | undefined
    readonly signal: string | undefined
    readonly timeoutMs: number | undefined
    readonly tty: boolean
  }
  /** What follows `--`. */
  readonly command: readonly string[]
}

const MAX_TIMEOUT_SECONDS = 86_400

type Handler = (call: Call) => Promise<number>

const HANDLERS: Readonly<Record<string, { readonly pod: boolean; readonly run: Handler }>> = {
  status: { pod: false, run: status },
  down: { pod: false, run: async ({ client }) => done(client.down()) },
  describe: { pod: true, run: describe },
  events: { pod: false, run: events },
  logs: { pod: true, run: logs },
  exec: { pod: true, run: exec },
  restart: { pod: true, run: async ({ client, pod, container }) => done(client.restart(pod, container)) },
  delete: { pod: true, run: async ({ client, pod }) => done(client.deletePod(pod)) },
  hold: { pod: true, run: async ({ client, pod, container }) => done(client.hold(pod, container.container)) },
  release: {
    pod: true,
    run: async ({ client, pod, container }) => done(client.release(pod, container.container)),
  },
  kill: { pod: true, run: kill },
}

/** The commands that talk to a cluster which runs. */
export async function runAgainst(name: string, argv: readonly string[]): Promise<number> {
  const handler = HANDLERS[name]
  if (!handler || !Object.hasOwn(HANDLERS, name)) throw new FlagError('there is no such command')
  const end = argv.indexOf('--')
  const { values, positionals } = parseFlags({
    args: end === -1 ? [...argv] : argv.slice(0, end),
    allowPositionals: true,
    options: {
      name: { type: 'string', default: 'weft' },
      'state-dir': { type: 'string' },
      container: { type: 'string', short: 'c' },
      follow: { type: 'boolean', short: 'f', default: false },
      previous: { type: 'boolean', short: 'p', default: false },
      tail: { type: 'string' },
      json: { type: 'boolean', default: false },
      signal: { type: 'string' },
      stdin: { type: 'boolean', short: 'i', default: false },
      tty: { type: 'boolean', short: 't', default: false },
      timeout: { type: 'string' },
    },
  })
  const [pod = '', ...more] = positionals
  if (more.length > 0 || (!handler.pod && pod !== ''))
    throw new FlagError(`\`${more[0] ?? pod}\` is not expected`)
  if (handler.pod && pod === '') throw new FlagError('POD is required')
  if (values.tail !== undefined && !/^\d+$/.test(values.tail))
    throw new FlagError('--tail must be a number of lines')
  const client = new ControlClient(controlSocket(stateDirectory(values.name, values['state-dir'])))
  try {
    return await handler.run({
      client,
      pod,
      container: values.container === undefined ? {} : { container: values.container },
      flags: {
        json: values.json,
        follow: values.follow,
        previous: values.previous,
        tail: values.tail,
        signal: values.signal,
        tty: values.tty,
        timeoutMs: values.timeout === undefined ? undefined : parseTimeout(values.timeout),
      },
      command: end === -1 ? [] : argv.slice(end + 1),
    })
  } finally {
    await client.close()
  }
}

async function done(action: Promise<unknown>): Promise<number> {
  await action
  return 0
}

async function status({ client, flags }: Call): Promise<number> {
  const current = await client.status()
  console.log(flags.json ? JSON.stringify(current) : statusTable(current, Date.now()))
  return 0
}

async function describe({ client, pod, flags }: Call): Promise<number> {
  const found = await client.pod(pod)
  console.log(flags.json ? JSON.stringify(found) : describePod(found, Date.now()))
  return 0
}

async function events({ client, flags }: Call): Promise<number> {
  const all = await client.events()
  console.log(flags.json ? JSON.stringify({ events: all }) : eventTable(all, Date.now(), true))
  return 0
}

/** What the container said, and on stderr why it does not run, when it does not. */
async function logs({ client, pod, container, flags }: Call): Promise<number> {
  const tail = flags.tail === undefined ? {} : { tail: Number(flags.tail) }
  const { follow, previous } = flags
  for await (const text of client.logs(pod, { ...container, ...tail, follow, previous }))
    process.stdout.write(text)
  const status = await client.pod(pod)
  const own = status.containers.find((one) =>
    container.container === undefined ? one.kind === 'app' : one.name === container.container,
  )
  const trouble = own && containerTrouble(own)
  if (trouble !== undefined && !previous) console.error(`weft local logs: container ${own?.name}: ${trouble}`)
  return 0
}

/** Input, output and exit code are those of the command, as it goes on. */
async function exec({ client, pod, container, command, flags }: Call): Promise<number> {
  const { timeoutMs, tty } = flags
  if (command.length === 0) throw new FlagError('`-- COMMAND` is required')
  // Whoever reads no more (`| head`) is no error of ours: the command ends with this process.
  for (const stream of [process.stdout, process.stderr])
    stream.on('error', () => process.exit(128 + constants.signals.SIGPIPE))
  // Every key goes to the command's terminal as it is, Ctrl-C too: what it means is decided there.
  const raw = tty && process.stdin.isTTY
  if (raw) process.stdin.setRawMode(true)
  const request = { pod, argv: command, ...container, timeoutMs, terminal: tty ? ownTerminal() : undefined }
  const { code, timedOut } = await client
    .execStreams(request, {
      stdin: process.stdin,
      stdout: (chunk) => process.stdout.write(chunk),
      stderr: (chunk) => process.stderr.write(chunk),
      drained: (resume) => {
        for (const stream of [process.stdout, process.stderr])
          if (stream.writableNeedDrain) stream.once('drain', resume)
      },
      resized: (tell) => {
        const told = () => tell(ownTerminal())
        process.stdout.on('resize', told)
        return () => process.stdout.off('resize', told)
      },
    })
    .finally(() => {
      if (raw) process.stdin.setRawMode(false)
    })
  // Nobody reads on: an input that is still open must not keep this process.
  process.stdin.destroy()
  if (timedOut) console.error(`weft local exec: ended after ${(timeoutMs ?? 0) / 1000} s (--timeout)`)
  return code
}

/** This process's terminal; of the size that one without a size has, when it has none. */
function ownTerminal(): Terminal {
  const { rows, columns } = process.stdout.isTTY ? process.stdout : { rows: 24, columns: 80 }
  return { rows, columns, type: process.env['TERM'] ?? 'xterm' }
}

/** Milliseconds of `90`, `90s`, `2m` or `1h`. */
function parseTimeout(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(s|m|h)?$/.exec(text)
  const seconds = Number(match?.[1]) * { s: 1, m: 60, h: 3600 }[match?.[2] ?? 's']!
  if (!(seconds > 0 && seconds <= MAX_TIMEOUT_SECONDS)) {
    throw new FlagError(`--timeout ${text}: must be a time such as 90, 90s, 2m or 1h, and at most 24h`)
  }
  return seconds * 1000
}

async function kill({ client, pod, container, flags }: Call): Promise<number> {
  const signal = flags.signal === undefined ? {} : { signal: flags.signal as NodeJS.Signals }
  const killed = await client.kill(pod, { ...container, ...signal })
  console.log(killed.length === 0 ? 'no container ran' : killed.join('\n'))
  return 0
}
