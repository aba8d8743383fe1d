import { parseCertificates } from '../../certs/trust-bundle.ts'
import type { MetricDescription, MetricFamily } from '../../core/metrics/family.ts'
import type { WorkloadSecrets } from '../transport/tls-contexts.ts'

const EXPIRY = {
  name: 'weft.certificate.expiry',
  unit: 's',
  type: 'gauge',
  help: 'Until the certificate ends, below 0 once it has: `workload`, its own, and `root`, the first to end of those that it trusts.',
} as const
const CONFIG = {
  name: 'weft.config',
  unit: '',
  type: 'info',
  help: 'The configuration in force, by its version.',
} as const
const CONFIG_AGE = {
  name: 'weft.config.age',
  unit: 's',
  type: 'gauge',
  help: 'Since the control plane last sent a change of it; absent until it has.',
} as const
const CONFIG_REFUSED = {
  name: 'weft.config.refused',
  unit: '{response}',
  type: 'counter',
  help: 'Answers of the control plane that held what cannot be served: NACKs.',
} as const
const CONNECTED = {
  name: 'weft.control_plane.connected',
  unit: '',
  type: 'gauge',
  help: '1 while the control plane answers.',
} as const
const CONNECTIONS = {
  name: 'weft.downstream.connections',
  unit: '{connection}',
  type: 'gauge',
  help: 'Open connections of callers (`inbound`) and of the application (`outbound`), by `weft.direction`.',
} as const

/** What a sidecar says of itself. */
export const SIDECAR_METRICS: readonly MetricDescription[] = [
  EXPIRY,
  CONFIG,
  CONFIG_AGE,
  CONFIG_REFUSED,
  CONNECTED,
  CONNECTIONS,
]

/** How it is, as it is asked. Times are in milliseconds since the epoch. */
export interface SidecarState {
  readonly secrets: WorkloadSecrets | undefined
  readonly version: string
  /** Undefined: not in this process. */
  readonly changedAt: number | undefined
  readonly refused: number
  readonly connected: boolean
}

/** `since`: when the process began. */
export function sidecarFamilies(
  { secrets, version, changedAt, refused, connected }: SidecarState,
  { now, since }: { readonly now: number; readonly since: number },
): readonly MetricFamily[] {
  const point = (value: number) => ({ attributes: [], value, since })
  return [
    { ...EXPIRY, points: secrets ? expiries(secrets, now) : [] },
    { ...CONFIG, points: [{ attributes: [['weft.config_version', version]], value: 1, since }] },
    { ...CONFIG_AGE, points: changedAt === undefined ? [] : [point(Math.max(0, now - changedAt) / 1000)] },
    { ...CONFIG_REFUSED, points: [point(refused)] },
    { ...CONNECTED, points: [point(Number(connected))] },
  ]
}

/** Connections that others have open here, and the application. */
export function connectionFamilies(
  open: { readonly inbound: number; readonly outbound: number },
  since: number,
): readonly MetricFamily[] {
  const points = (['inbound', 'outbound'] as const).map((direction) => ({
    attributes: [['weft.direction', direction] as const],
    value: open[direction],
    since,
  }))
  return [{ ...CONNECTIONS, points }]
}

function expiries({ certificatePem, bundlePem }: WorkloadSecrets, now: number) {
  const secondsLeft = (pem: string, of: string): number =>
    (Math.min(...parseCertificates(pem, of).map(({ validTo }) => Date.parse(validTo))) - now) / 1000
  return [
    {
      attributes: [['weft.certificate', 'workload'] as const],
      value: secondsLeft(certificatePem, 'certificate'),
      since: now,
    },
    {
      attributes: [['weft.certificate', 'root'] as const],
      value: secondsLeft(bundlePem, 'trust bundle'),
      since: now,
    },
  ]
}
