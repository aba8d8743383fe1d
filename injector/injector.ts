import { setTimeout as delay } from 'node:timers/promises'
import packageJson from '../package.json' with { type: 'json' }
import { describeError } from '../core/errors.ts'
import { helpText, usageProblem } from '../core/command-line/help.ts'
import { parseCommand } from '../core/command-line/parse.ts'
import { hostPort, numberBetween, required } from '../core/flags.ts'
import { createLogger } from '../core/log.ts'
import type { LogLevel } from '../core/log.ts'
import { Watched } from '../core/watched.ts'
import { INJECTOR_COMMAND } from './command.ts'
import type { Output } from './init.ts'
import { loadSettings } from './load-settings.ts'
import { loadServingCertificate } from '../core/serving-certificate.ts'
import { defaultSettings } from './settings.ts'
import { watchFiles } from '../core/watch-files.ts'
import { createWebhook } from './webhook.ts'

interface InjectorFlags {
  readonly host: string
  readonly port: number
  readonly certFile: string
  readonly keyFile: string
  readonly settingsFile: string | undefined
  readonly drainMs: number
  readonly logLevel: LogLevel
}

/** What the surrounding process gives `runInjector`. */
export interface InjectorProcess extends Output {
  /** Aborted to stop. */
  readonly stopped: AbortSignal
  /** Version of this program: names the images unless the settings do. */
  readonly version: string
  readonly onListening?: (port: number) => void
  readonly pollMs?: number
  /** In place of time that passes. */
  readonly wait?: (ms: number) => Promise<void>
}

/** `weft injector`: serves until stopped. Resolves to the exit code. */
export async function runInjector(
  argv: readonly string[],
  host: InjectorProcess = ownProcess(),
): Promise<number> {
  let flags: InjectorFlags | 'help'
  try {
    flags = readFlags(argv)
  } catch (error) {
    host.stderr(usageProblem(INJECTOR_COMMAND, error))
    return 2
  }
  if (flags === 'help') {
    host.stdout(helpText(INJECTOR_COMMAND))
    return 0
  }
  try {
    await serve(flags, host)
    return 0
  } catch (error) {
    host.stderr(`weft injector: ${describeError(error)}\n`)
    return 1
  }
}

async function serve(flags: InjectorFlags, host: InjectorProcess): Promise<void> {
  const logger = createLogger('injector', flags.logLevel, (line) => host.stderr(line))
  const polling = { logger, ...(host.pollMs === undefined ? {} : { intervalMs: host.pollMs }) }
  const certificate = watchFiles([flags.certFile, flags.keyFile], loadServingCertificate, polling)
  const settings =
    flags.settingsFile === undefined
      ? undefined
      : watchFiles([flags.settingsFile], ([text]) => loadSettings(text ?? '', host.version), polling)
  const webhook = createWebhook({
    certificate: certificate.current,
    settings: settings?.current ?? new Watched(defaultSettings(host.version)),
    logger,
  })
  try {
    const { port } = await webhook.listen(flags.host, flags.port)
    logger.info('webhook listening', { host: flags.host, port })
    host.onListening?.(port)
    await aborted(host.stopped)
    logger.info('stopping: not ready any more', { drainSeconds: flags.drainMs / 1000 })
    await webhook.close((host.wait ?? ((ms) => delay(ms)))(flags.drainMs))
  } finally {
    certificate.stop()
    settings?.stop()
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}

function readFlags(argv: readonly string[]): InjectorFlags | 'help' {
  const parsed = parseCommand(INJECTOR_COMMAND, argv)
  if (parsed === 'help') return 'help'
  const { values } = parsed
  return {
    ...hostPort('--listen', values.listen),
    certFile: required('--cert-file', values['cert-file']),
    keyFile: required('--key-file', values['key-file']),
    settingsFile: values.settings,
    drainMs: 1000 * numberBetween('--drain-seconds', values['drain-seconds'], 0, 300),
    logLevel: values['log-level'],
  }
}

function ownProcess(): InjectorProcess {
  const stop = new AbortController()
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort())
  return {
    stdout: (text) => void process.stdout.write(text),
    stderr: (text) => void process.stderr.write(text),
    stopped: stop.signal,
    version: packageJson.version,
  }
}
