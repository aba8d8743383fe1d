import { ControlClient } from './control/client.ts'
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
    readonly tail: string | undefined
    readonly signal: string | undefined
  }
  /** What follows `--`. */
  readonly command: readonly string[]
}

type Handler = (call: Call) => Promise<number>

const HANDLERS: Readonly<Record<string, { readonly pod: boolean; readonly run: Handler }>> = {
  status: { pod: false, run: status },
  down: { pod: false, run: async ({ client }) => done(client.down()) },
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
      tail: { type: 'string' },
      json: { type: 'boolean', default: false },
      signal: { type: 'string' },
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
      flags: { json: values.json, follow: values.follow, tail: values.tail, signal: values.signal },
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

async function logs({ client, pod, container, flags }: Call): Promise<number> {
  const tail = flags.tail === undefined ? {} : { tail: Number(flags.tail) }
  for await (const text of client.logs(pod, { ...container, ...tail, follow: flags.follow }))
    process.stdout.write(text)
  return 0
}

async function exec({ client, pod, container, command }: Call): Promise<number> {
  if (command.length === 0) throw new FlagError('`-- COMMAND` is required')
  const { code, stdout, stderr } = await client.exec(pod, command, container)
  process.stdout.write(stdout)
  process.stderr.write(stderr)
  return code
}

async function kill({ client, pod, container, flags }: Call): Promise<number> {
  const signal = flags.signal === undefined ? {} : { signal: flags.signal as NodeJS.Signals }
  const killed = await client.kill(pod, { ...container, ...signal })
  console.log(killed.length === 0 ? 'no container ran' : killed.join('\n'))
  return 0
}
