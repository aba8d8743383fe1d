import type { CommandDescription } from '../core/command-line/description.ts'
import { printHelp } from '../core/command-line/help.ts'
import { parseCommand } from '../core/command-line/parse.ts'
import type { FlagValues, ParsedCommand } from '../core/command-line/parse.ts'
import { WeftError } from '../core/errors.ts'
import {
  CLUSTER_FLAGS,
  DELETE_COMMAND,
  DESCRIBE_COMMAND,
  DOWN_COMMAND,
  EVENTS_COMMAND,
  EXEC_COMMAND,
  HOLD_COMMAND,
  KILL_COMMAND,
  LOGS_COMMAND,
  NODE_COMMAND,
  RELEASE_COMMAND,
  RESTART_COMMAND,
  STATUS_COMMAND,
} from './commands.ts'
import { ControlClient } from './control/client.ts'
import { describePod, eventTable } from './control/describe.ts'
import { containerTrouble } from './control/pod-word.ts'
import type { Terminal } from './control/exec-frames.ts'
import type { NodeAction } from './node/nodes.ts'
import { statusTable } from './control/status-table.ts'
import { clusterFlags, clusterNames, controlSocket, stateDirectory } from './state-directory.ts'

const MAX_TIMEOUT_SECONDS = 86_400

type Run = (argv: readonly string[]) => Promise<number>
type WithCluster = CommandDescription & { readonly flags: typeof CLUSTER_FLAGS }

/** A command that talks to a cluster which runs. */
function remote<const C extends WithCluster>(
  command: C,
  run: (client: ControlClient, parsed: ParsedCommand<C>, pod: string) => Promise<number>,
): Run {
  return async (argv) => {
    const parsed = parseCommand(command, argv)
    if (parsed === 'help') {
      printHelp(command)
      return 0
    }
    const { name, 'state-dir': directory }: FlagValues<WithCluster> = parsed.values
    const client = new ControlClient(controlSocket(stateDirectory(name, directory)))
    try {
      return await run(client, parsed, parsed.positionals[0] ?? '')
    } catch (error) {
      throw directory === undefined ? withOthers(error, name) : error
    } finally {
      await client.close()
    }
  }
}

/** An error that no cluster answers, with the names of those that may be meant instead. */
function withOthers(error: unknown, name: string): unknown {
  const others = clusterNames().filter((other) => other !== name)
  if (!(error instanceof WeftError) || error.code !== 'local.not_running' || others.length === 0) return error
  const flags = others.map((other) => clusterFlags(other).trim() || 'the one without --name')
  const message = `${error.message} There ${others.length === 1 ? 'is' : 'are'} also ${flags.join(', ')}`
  return new WeftError(error.code, message, { cause: error })
}

export const runStatus = remote(STATUS_COMMAND, async (client, { values }) => {
  const current = await client.status()
  console.log(values.json ? JSON.stringify(current) : statusTable(current, Date.now()))
  return 0
})

export const runNode = remote(NODE_COMMAND, async (client, { values, positionals }) => {
  const [action = '', node] = positionals
  const { zone } = values
  if (action !== 'add' && node === undefined)
    throw new WeftError('cli.flags', `which one is to be told: weft local node ${action} NODE`)
  if (action !== 'add' && zone !== undefined)
    throw new WeftError('cli.flags', 'goes with add', { field: '--zone' })
  console.log(await client.node(action as NodeAction, node, { zone }))
  return 0
})

export const runDescribe = remote(DESCRIBE_COMMAND, async (client, { values }, pod) => {
  const found = await client.pod(pod)
  console.log(values.json ? JSON.stringify(found) : describePod(found, Date.now()))
  return 0
})

export const runEvents = remote(EVENTS_COMMAND, async (client, { values }) => {
  const all = await client.events()
  console.log(values.json ? JSON.stringify({ events: all }) : eventTable(all, Date.now(), true))
  return 0
})

export const runDown = remote(DOWN_COMMAND, async (client) => done(client.down()))

export const runRestart = remote(RESTART_COMMAND, async (client, { values }, pod) =>
  done(client.restart(pod, containerOf(values))),
)

export const runDelete = remote(DELETE_COMMAND, async (client, _parsed, pod) => done(client.deletePod(pod)))

export const runHold = remote(HOLD_COMMAND, async (client, { values }, pod) =>
  done(client.hold(pod, values.container)),
)

export const runRelease = remote(RELEASE_COMMAND, async (client, { values }, pod) =>
  done(client.release(pod, values.container)),
)

export const runKill = remote(KILL_COMMAND, async (client, { values }, pod) => {
  const signal = values.signal === undefined ? {} : { signal: values.signal as NodeJS.Signals }
  const killed = await client.kill(pod, { ...containerOf(values), ...signal })
  console.log(killed.length === 0 ? 'no container ran' : killed.join('\n'))
  return 0
})

/** What the container said, and on stderr why it does not run, when it does not. */
export const runLogs = remote(LOGS_COMMAND, async (client, { values }, pod) => {
  if (values.tail !== undefined && !/^\d+$/.test(values.tail))
    throw new WeftError('cli.flags', 'must be a number of lines', { field: '--tail' })
  const tail = values.tail === undefined ? {} : { tail: Number(values.tail) }
  const { follow, previous } = values
  for await (const text of client.logs(pod, { ...containerOf(values), ...tail, follow, previous }))
    process.stdout.write(text)
  const status = await client.pod(pod)
  const own = status.containers.find((one) =>
    values.container === undefined ? one.kind === 'app' : one.name === values.container,
  )
  const trouble = own && containerTrouble(own)
  if (trouble !== undefined && !previous) console.error(`weft local logs: container ${own?.name}: ${trouble}`)
  return 0
})

/** Input, output and exit code are those of the command, as it goes on. */
export const runExec = remote(EXEC_COMMAND, async (client, { values, rest: argv }, pod) => {
  if (argv.length === 0) throw new WeftError('cli.flags', '`-- COMMAND` is required')
  const timeoutMs = values.timeout === undefined ? undefined : parseTimeout(values.timeout)
  // Every key goes to the command's terminal as it is, Ctrl-C too: what it means is decided there.
  const { tty } = values
  const raw = tty && process.stdin.isTTY
  if (raw) process.stdin.setRawMode(true)
  const terminal = tty ? ownTerminal() : undefined
  const request = { pod, argv, ...containerOf(values), timeoutMs, terminal }
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
})

function containerOf({ container }: { readonly container: string | undefined }): { container?: string } {
  return container === undefined ? {} : { container }
}

async function done(action: Promise<unknown>): Promise<number> {
  await action
  return 0
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
    throw new WeftError('cli.flags', `"${text}" must be a time such as 90, 90s, 2m or 1h, and at most 24h`, {
      field: '--timeout',
    })
  }
  return seconds * 1000
}
