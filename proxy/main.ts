import { isIP } from 'node:net'
import {
  APP_PROBES_VARIABLE,
  CONTROL_PLANE,
  POD_IPS_VARIABLE,
  POD_NAMESPACE_VARIABLE,
  PROXY_PROTOCOL_VARIABLE,
  POD_NAME_VARIABLE,
  NODE_NAME_VARIABLE,
  POD_UID_VARIABLE,
  RESOURCE_ATTRIBUTES_VARIABLE,
  SERVICE_ACCOUNT_VARIABLE,
  systemServiceHost,
} from '../core/contract.ts'
import { controlPlaneName } from './identity/control-plane-name.ts'
import { parseSpiffeId } from '../certs/spiffe-id.ts'
import { writeCompileCache } from '../core/compile-cache.ts'
import { describeError, WeftError } from '../core/errors.ts'
import { hostPort, integerBetween, logLevel, numberBetween, parseFlags, required } from '../core/flags.ts'
import { createLogger, type Logger } from '../core/log.ts'
import { parseProxyProtocolPorts, type ProxyProtocolVersion } from '../core/proxy-protocol.ts'
import { parseResourceAttributes } from '../core/resource-attributes.ts'
import type { AccessLogMode } from './telemetry/access-log.ts'
import type { ResourceAttributes } from './telemetry/resource.ts'

export const PROXY_HELP = `Usage: weft proxy --bootstrap FILE [flags]
       weft proxy --sidecar --control-plane HOST:PORT --trust-domain NAME --state-dir DIR
                  --token-file FILE --ca-file FILE [flags]

Runs the proxy: alone, from a file that is a subset of Envoy's bootstrap (docs/bootstrap.md), or as a pod's sidecar.

Alone:
  --bootstrap FILE       listeners and clusters, YAML or JSON
  --check                read the file, say what is wrong with it, and end
  --collector ADDRESS    where spans and metrics go: grpc://HOST:4317 or http://HOST:4318 (nowhere)

Sidecar (the injector writes these; POD_NAME, POD_NAMESPACE, POD_IPS, SERVICE_ACCOUNT, WEFT_APP_PROBES come from the
environment, and so do POD_UID and NODE_NAME where they are known):
  --control-plane HOST:PORT
                         where configuration and certificates come from
  --control-plane-name NAME
                         in its certificate (the HOST of --control-plane; for an address
                         ${systemServiceHost(CONTROL_PLANE)})
  --trust-domain NAME    of SPIFFE IDs
  --state-dir DIR        a tmpfs of the pod: certificate and configuration for a restart
  --token-file FILE      service account token, audience weft
  --ca-file FILE         roots of the mesh
  --passthrough-idle-seconds N
                         connections to what is none of the mesh end after so long without a byte; 0: never (3600)

Both (OTEL_RESOURCE_ATTRIBUTES in the environment names the service in telemetry: docs/telemetry-names.md):
  --access-log MODE      off, errors or all, as JSON lines on standard output (errors)
  --trace-sampling N     share of undecided requests that begin a trace, 0 to 1 (as configured)
  --drain-seconds N      after SIGTERM, the longest time for what still runs (30)
  --max-connections N    that others may have open here; more are closed at once (10000, or what the descriptors allow)
  --concurrency N        event loops; 1 is what there is today (1)
  --log-level LEVEL      debug, info, warn or error (info)
  --help                 this text

Exit code: 0 stopped by SIGTERM or SIGINT (or --check found nothing), 1 could not serve, 2 wrong flags.
`

const LEFTOVERS_MS = 500
const ONLY_ALONE = ['bootstrap', 'check', 'collector'] as const
const ONLY_SIDECAR = [
  'control-plane',
  'control-plane-name',
  'trust-domain',
  'state-dir',
  'token-file',
  'ca-file',
  'passthrough-idle-seconds',
] as const

type Values = ReturnType<typeof parse>

interface Common {
  readonly accessLog: AccessLogMode
  readonly drainMs: number
  readonly maxConnections: number | undefined
  readonly samplingPercent: number | undefined
  readonly resource: ResourceAttributes
  readonly log: Logger
}

/** `weft proxy`: serves until SIGTERM or SIGINT. Resolves to the exit code. */
export async function runProxy(argv: readonly string[]): Promise<number> {
  let start: () => Promise<{ stop(): Promise<void> } | undefined>
  let common: Common
  try {
    const values = parse(argv)
    if (values.help) {
      process.stdout.write(PROXY_HELP)
      return 0
    }
    checkTogether(values)
    common = commonOf(values)
    start = values.sidecar ? await sidecar(values, common) : await standalone(values, common)
  } catch (error) {
    process.stderr.write(`weft proxy: ${describeError(error)} (weft proxy --help lists the flags)\n`)
    return 2
  }
  const stopped = new Promise<void>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve())
  })
  try {
    const running = await start()
    if (!running) return 0
    common.log.info('proxy serving')
    writeCompileCache()
    await stopped
    await running.stop()
    common.log.info('stopped')
    return ended(0)
  } catch (error) {
    process.stderr.write(`weft proxy: ${describeError(error)}\n`)
    return ended(1)
  }
}

/** grpc-js keeps the socket of a TLS handshake that nobody answers, and with it the process: it goes all the same. */
function ended(code: number): number {
  setTimeout(() => process.exit(code), LEFTOVERS_MS).unref()
  return code
}

async function standalone(values: Values, common: Common) {
  const bootstrap = required('--bootstrap', values.bootstrap)
  const { startStandalone, readBootstrapFile } = await import('./app/standalone.ts')
  if (values.check) {
    return async () => {
      readBootstrapFile(bootstrap)
      return undefined
    }
  }
  const collector = values.collector
  // Imported on demand: a proxy without a collector needs no gRPC.
  const exporter =
    collector && (await import('./telemetry/collector.ts')).exporterFor(collector, '--collector')
  return () => startStandalone({ ...common, bootstrap, exporter: exporter || undefined })
}

async function sidecar(values: Values, common: Common) {
  const environment = (name: string): string => required(name, process.env[name])
  const address = required('--control-plane', values['control-plane'])
  hostPort('--control-plane', address)
  const trustDomain = required('--trust-domain', values['trust-domain'])
  parseSpiffeId(`spiffe://${trustDomain}`, '--trust-domain')
  const { parseAppProbes } = await import('./admin/app-probes.ts')
  const options = {
    ...common,
    controlPlane: {
      address,
      serverName: values['control-plane-name'] ?? controlPlaneName(address),
      tokenPath: required('--token-file', values['token-file']),
      caBundlePath: required('--ca-file', values['ca-file']),
    },
    trustDomain,
    stateDirectory: required('--state-dir', values['state-dir']),
    pod: {
      name: environment(POD_NAME_VARIABLE),
      namespace: environment(POD_NAMESPACE_VARIABLE),
      addresses: addressList(POD_IPS_VARIABLE, environment(POD_IPS_VARIABLE)),
      uid: process.env[POD_UID_VARIABLE] ?? '',
      node: process.env[NODE_NAME_VARIABLE] ?? '',
    },
    serviceAccount: environment(SERVICE_ACCOUNT_VARIABLE),
    passthroughIdleMs: passthroughIdleOf(values),
    appProbes: parseAppProbes(process.env[APP_PROBES_VARIABLE]),
    ownProxyProtocol: proxyProtocolPorts(process.env[PROXY_PROTOCOL_VARIABLE] ?? ''),
  }
  const { startSidecar } = await import('./app/sidecar.ts')
  return () => startSidecar(options)
}

/** As OpenTelemetry wants it, a wrong text is told and counts as none. */
function resourceAttributes(log: Logger): ResourceAttributes {
  const text = process.env[RESOURCE_ATTRIBUTES_VARIABLE] ?? ''
  const attributes = parseResourceAttributes(text)
  if (text.trim() !== '' && attributes.size === 0)
    log.warn(
      `${RESOURCE_ATTRIBUTES_VARIABLE} is left out: it must be name=value, in a comma list, with values percent-encoded`,
    )
  return attributes
}

function proxyProtocolPorts(text: string): ReadonlyMap<number, ProxyProtocolVersion> {
  try {
    return parseProxyProtocolPorts(text)
  } catch (error) {
    throw new WeftError('ports.malformed', describeError(error), {
      field: PROXY_PROTOCOL_VARIABLE,
      cause: error,
    })
  }
}

function passthroughIdleOf({ 'passthrough-idle-seconds': said }: Values): number | undefined {
  if (said === undefined) return undefined
  return 1000 * numberBetween('--passthrough-idle-seconds', said, 0, 30 * 86_400)
}

/** A flag that would be ignored is a mistake. */
function checkTogether(values: Values): void {
  const misplaced = (values.sidecar ? ONLY_ALONE : ONLY_SIDECAR).find((name) => values[name] !== undefined)
  if (misplaced !== undefined)
    throw new WeftError('cli.flags', values.sidecar ? 'does not go with --sidecar' : 'needs --sidecar', {
      field: `--${misplaced}`,
    })
}

function addressList(field: string, text: string): readonly string[] {
  const addresses = text.split(',').map((address) => address.trim())
  const wrong = addresses.find((address) => isIP(address) === 0)
  if (wrong === undefined) return addresses
  throw new WeftError('cli.flags', `"${wrong}" must be an IP address`, { field })
}

function commonOf(values: Values): Common {
  const mode = values['access-log'] ?? 'errors'
  const accessLog = (['off', 'errors', 'all'] as const).find((name) => name === mode)
  if (!accessLog)
    throw new WeftError('cli.flags', `"${mode}" must be off, errors or all`, { field: '--access-log' })
  const sampling = values['trace-sampling']
  const log = createLogger('proxy', logLevel('--log-level', values['log-level'] ?? 'info'))
  if (integerBetween('--concurrency', values.concurrency ?? '1', 1, 1024) > 1)
    log.warn('one event loop serves: more than one is not built yet', { asked: values.concurrency })
  return {
    accessLog,
    maxConnections:
      values['max-connections'] === undefined
        ? undefined
        : integerBetween('--max-connections', values['max-connections'], 1, 1_000_000),
    drainMs: 1000 * numberBetween('--drain-seconds', values['drain-seconds'] ?? '30', 0, 3600),
    samplingPercent:
      sampling === undefined ? undefined : 100 * numberBetween('--trace-sampling', sampling, 0, 1),
    resource: resourceAttributes(log),
    log,
  }
}

function parse(argv: readonly string[]) {
  const text = { type: 'string' } as const
  const flag = { type: 'boolean' } as const
  return parseFlags({
    args: [...argv],
    options: {
      bootstrap: text,
      check: flag,
      collector: text,
      sidecar: flag,
      'control-plane': text,
      'control-plane-name': text,
      'trust-domain': text,
      'state-dir': text,
      'token-file': text,
      'ca-file': text,
      'passthrough-idle-seconds': text,
      'access-log': text,
      'trace-sampling': text,
      'drain-seconds': text,
      'max-connections': text,
      concurrency: text,
      'log-level': text,
      help: flag,
    },
  }).values
}
