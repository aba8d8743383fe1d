import { isIP } from 'node:net'
import {
  APP_PROBES_VARIABLE,
  POD_IPS_VARIABLE,
  POD_NAMESPACE_VARIABLE,
  PROXY_PROTOCOL_VARIABLE,
  POD_NAME_VARIABLE,
  NODE_NAME_VARIABLE,
  POD_UID_VARIABLE,
  RESOURCE_ATTRIBUTES_VARIABLE,
  SERVICE_ACCOUNT_VARIABLE,
  ZONE_VARIABLE,
} from '../core/contract.ts'
import { controlPlaneName } from './identity/control-plane-name.ts'
import { parseSpiffeId } from '../certs/spiffe-id.ts'
import { writeCompileCache } from '../core/compile-cache.ts'
import { describeError, WeftError } from '../core/errors.ts'
import { printHelp, usageProblem } from '../core/command-line/help.ts'
import { parseCommand } from '../core/command-line/parse.ts'
import type { FlagValues } from '../core/command-line/parse.ts'
import { hostPort, integerBetween, numberBetween, required } from '../core/flags.ts'
import { createLogger, type Logger } from '../core/log.ts'
import { readMetricNames, type MetricNameSet } from '../core/metrics/name-sets.ts'
import { parseProxyProtocolPorts, type ProxyProtocolVersion } from '../core/proxy-protocol.ts'
import { parseResourceAttributes } from '../core/resource-attributes.ts'
import { PROXY_COMMAND } from './command.ts'
import type { LogMode } from '../core/telemetry-settings.ts'
import type { ResourceAttributes } from './telemetry/resource.ts'

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
  'stitch-dir',
] as const

type Values = FlagValues<typeof PROXY_COMMAND>

interface Common {
  readonly accessLog: LogMode
  readonly metricNames: ReadonlySet<MetricNameSet>
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
    const parsed = parseCommand(PROXY_COMMAND, argv)
    if (parsed === 'help') {
      printHelp(PROXY_COMMAND)
      return 0
    }
    const { values } = parsed
    checkTogether(values.sidecar, parsed.given)
    common = commonOf(values)
    start = values.sidecar ? await sidecar(values, common) : await standalone(values, common)
  } catch (error) {
    process.stderr.write(usageProblem(PROXY_COMMAND, error))
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
      zone: process.env[ZONE_VARIABLE] ?? '',
    },
    serviceAccount: environment(SERVICE_ACCOUNT_VARIABLE),
    passthroughIdleMs: passthroughIdleOf(values),
    appProbes: parseAppProbes(process.env[APP_PROBES_VARIABLE]),
    ownProxyProtocol: proxyProtocolPorts(process.env[PROXY_PROTOCOL_VARIABLE] ?? ''),
  }
  const { startSidecar } = await import('./app/sidecar.ts')
  const stitched = values['stitch-dir']
  return async () => {
    if (stitched !== undefined) (await import('./app/place-stitch.ts')).placeStitch(stitched)
    return startSidecar(options)
  }
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
function checkTogether(asSidecar: boolean, given: ReadonlySet<string>): void {
  const misplaced = (asSidecar ? ONLY_ALONE : ONLY_SIDECAR).find((name) => given.has(name))
  if (misplaced !== undefined)
    throw new WeftError('cli.flags', asSidecar ? 'does not go with --sidecar' : 'needs --sidecar', {
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
  const sampling = values['trace-sampling']
  const log = createLogger('proxy', values['log-level'])
  if (integerBetween('--concurrency', values.concurrency, 1, 1024) > 1)
    log.warn('one event loop serves: more than one is not built yet', { asked: values.concurrency })
  return {
    accessLog: values['access-log'],
    metricNames: readMetricNames(values['metric-names'], '--metric-names'),
    maxConnections:
      values['max-connections'] === undefined
        ? undefined
        : integerBetween('--max-connections', values['max-connections'], 1, 1_000_000),
    drainMs: 1000 * numberBetween('--drain-seconds', values['drain-seconds'], 0, 3600),
    samplingPercent:
      sampling === undefined ? undefined : 100 * numberBetween('--trace-sampling', sampling, 0, 1),
    resource: resourceAttributes(log),
    log,
  }
}
