import { parseArgs } from 'node:util'
import { parse as parseYaml } from 'yaml'
import packageJson from '../package.json' with { type: 'json' }
import { describeError, WeftError } from '../core/errors.ts'
import { createLogger } from '../core/log.ts'
import { Watched } from '../core/watched.ts'
import type { Output } from './init.ts'
import { checkServingCertificate } from './serving-certificate.ts'
import type { ServingCertificate } from './serving-certificate.ts'
import { defaultSettings, parseSettings } from './settings.ts'
import type { InjectorSettings } from './settings.ts'
import { watchFiles } from './watch-files.ts'
import { createWebhook } from './webhook.ts'

export const INJECTOR_HELP = `Usage: weft injector --cert-file FILE --key-file FILE [flags]

Serves the admission webhook over HTTPS: POST /mutate, GET /ready.

  --listen HOST:PORT   where to listen ([::]:15017)
  --cert-file FILE     serving certificate with its chain, PEM; read again when it changes
  --key-file FILE      its private key, PEM; read again when it changes
  --settings FILE      settings as YAML or JSON; read again when it changes
  --log-level LEVEL    debug, info, warn or error (info)
  --help               this text

Which namespaces take part is the business of the webhook configuration's namespaceSelector.
Exit code: 0 stopped by SIGTERM or SIGINT, 1 could not serve, 2 wrong flags.
`

interface InjectorFlags {
  readonly host: string
  readonly port: number
  readonly certFile: string
  readonly keyFile: string
  readonly settingsFile: string | undefined
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error'
}

/** What the surrounding process gives `runInjector`. */
export interface InjectorProcess extends Output {
  /** Aborted to stop. */
  readonly stopped: AbortSignal
  /** Version of this program: names the images unless the settings do. */
  readonly version: string
  readonly onListening?: (port: number) => void
  readonly pollMs?: number
}

/** `weft injector`: serves until stopped. Resolves to the exit code. */
export async function runInjector(
  argv: readonly string[],
  host: InjectorProcess = ownProcess(),
): Promise<number> {
  let flags: InjectorFlags | 'help'
  try {
    flags = parseFlags(argv)
  } catch (error) {
    host.stderr(`weft injector: ${describeError(error)} (weft injector --help lists the flags)\n`)
    return 2
  }
  if (flags === 'help') {
    host.stdout(INJECTOR_HELP)
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
  const certificate = watchFiles([flags.certFile, flags.keyFile], loadCertificate, polling)
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
    logger.info('stopping')
    await webhook.close()
  } finally {
    certificate.stop()
    settings?.stop()
  }
}

/** Throws while the two files don't belong together: a rotation replaces them one after the other. */
function loadCertificate([certPem = '', keyPem = '']: readonly string[]): ServingCertificate {
  const certificate = { certPem, keyPem }
  checkServingCertificate(certificate)
  return certificate
}

function loadSettings(text: string, version: string): InjectorSettings {
  let document: unknown
  try {
    document = parseYaml(text)
  } catch (error) {
    throw new WeftError(
      'settings.invalid',
      `the settings are not YAML: ${describeError(error).split('\n')[0]}`,
    )
  }
  return parseSettings(document, version)
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}

function parseFlags(argv: readonly string[]): InjectorFlags | 'help' {
  const text = { type: 'string' } as const
  let values
  try {
    values = parseArgs({
      args: [...argv],
      options: {
        listen: text,
        'cert-file': text,
        'key-file': text,
        settings: text,
        'log-level': text,
        help: { type: 'boolean' },
      },
    }).values
  } catch (error) {
    throw new WeftError('injector.flag', describeError(error))
  }
  if (values.help) return 'help'
  const [, host = '', port = ''] =
    /^(\[[0-9a-fA-F:.]+\]|[^:]+):([0-9]{1,5})$/.exec(values.listen ?? '[::]:15017') ?? []
  if (host === '' || Number(port) > 65535) {
    throw new WeftError('injector.flag', 'must be HOST:PORT, e.g. 127.0.0.1:15017', { field: '--listen' })
  }
  const level = (['debug', 'info', 'warn', 'error'] as const).find(
    (name) => name === (values['log-level'] ?? 'info'),
  )
  if (!level)
    throw new WeftError('injector.flag', 'must be debug, info, warn or error', { field: '--log-level' })
  return {
    host: host.replace(/^\[|\]$/g, ''),
    port: Number(port),
    certFile: required(values['cert-file'], '--cert-file'),
    keyFile: required(values['key-file'], '--key-file'),
    settingsFile: values.settings,
    logLevel: level,
  }
}

function required(value: string | undefined, field: string): string {
  if (value === undefined || value === '') throw new WeftError('injector.flag', 'is required', { field })
  return value
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
