import { durationMs } from './duration.ts'
import { WeftError } from './errors.ts'

// The limits that a pod sets by annotation: the injector tells its author what is wrong, and the control plane reads
// the same text for the sidecars.

interface Limit {
  /** For the documentation: what may be written, and what holds without it. */
  readonly type: string
  readonly default: string
  readonly doc: string
  /** In the unit of the property in WorkloadLimits. Throws a WeftError that says what is wrong with the text. */
  readonly parse: (text: string) => number
}

/** By name, without its prefix. */
export const WORKLOAD_LIMITS = {
  'max-header-fields': count(
    1000,
    '100',
    'Fields of a head, and of trailers, that the sidecar takes: of requests and answers of this pod, and of what it calls. Sidecars of its callers take as many.',
  ),
  'max-header-kib': count(256, '60', 'KiB of such a head, its request line among them, and of trailers.'),
  'max-request-body': {
    type: 'bytes, e.g. 10Mi',
    default: 'none',
    doc: 'Longest body of a request to this pod; a longer one is answered with 413.',
    parse: bytes,
  },
  'idle-timeout': {
    ...duration(1000, 720 * 3_600_000, 'may be 0', '1h'),
    doc: 'How long a connection of this pod, in or out, may carry nothing until the sidecar ends it; 0: for ever. Sidecars of its callers wait as long. A peer that is gone is noticed whatever this says.',
  },
  'application-idle-timeout': {
    ...duration(1000, 3_600_000, 'above 0', '4s'),
    doc: 'How long the sidecar keeps an unused connection to the application. Below the time after which that closes it.',
  },
  'request-headers-timeout': {
    ...duration(1000, 3_600_000, 'above 0', '10s'),
    doc: 'For the head of a request to come, from its first byte: of requests to this pod, and of those that it makes. Sidecars of its callers wait as long.',
  },
  'request-timeout': {
    ...duration(1000, 24 * 3_600_000, 'above 0', 'none'),
    doc: 'For a whole request to this pod to come, its body among it, until its answer begins; then it is answered with 408.',
  },
  'ping-interval': {
    ...duration(1000, 3_600_000, 'above 0', '10s'),
    doc: 'How long a link to another sidecar may be silent until this one asks by PING whether that is there; half of it while a stream is open.',
  },
  'ping-timeout': {
    ...duration(1000, 600_000, 'above 0', '5s'),
    doc: 'For any byte after that; then the link ends. What may be repeated goes elsewhere long before.',
  },
  'tcp-keepalive-time': {
    ...wholeSeconds('3s'),
    doc: 'How long a connection that this sidecar makes, to the application or elsewhere, may be silent until the kernel asks whether its peer is there.',
  },
  'tcp-keepalive-interval': { ...wholeSeconds('1s'), doc: 'Between two such probes.' },
  'tcp-keepalive-probes': count(127, '10', 'Unanswered ones, after which the connection ends.'),
} as const satisfies Record<string, Limit>

export type LimitName = keyof typeof WORKLOAD_LIMITS

function count(most: number, preset: string, doc: string): Limit {
  return {
    type: `integer, 1 to ${most}`,
    default: preset,
    doc,
    parse(text) {
      const value = /^[0-9]{1,9}$/.test(text) ? Number(text) : 0
      if (value < 1 || value > most) throw invalid(`must be an integer from 1 to ${most}`)
      return value
    },
  }
}

const FACTORS: Readonly<Record<string, number>> = { '': 1, Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30 }
// What Envoy's max_request_bytes can say.
const MOST_BYTES = 2 ** 32 - 1

function bytes(text: string): number {
  const [, digits = '', suffix = ''] = /^([0-9]{1,10})(Ki|Mi|Gi)?$/.exec(text) ?? []
  const value = Number(digits) * (FACTORS[suffix] ?? 0)
  if (digits === '' || value < 1 || value > MOST_BYTES)
    throw invalid(`must be from 1 to ${MOST_BYTES} bytes, e.g. 512Ki, 10Mi or 1Gi`)
  return value
}

function duration(least: number, most: number, zero: 'may be 0' | 'above 0', preset: string) {
  const bounds = `from ${least / 1000}s to ${most < 3_600_000 ? `${most / 60_000}m` : `${most / 3_600_000}h`}`
  const orZero = zero === 'may be 0' ? '0, or ' : ''
  return {
    type: `${orZero}duration ${bounds}`,
    default: preset,
    /** Milliseconds. */
    parse(text: string): number {
      const value = zero === 'may be 0' && text === '0' ? 0 : durationMs(text)
      const fits = value !== undefined && value >= least && value <= most
      if (!fits && !(value === 0 && zero === 'may be 0'))
        throw invalid(`must be ${orZero}a duration ${bounds}, such as 30s or 1m30s`)
      return value
    },
  }
}

/** What the kernel counts in seconds. */
function wholeSeconds(preset: string) {
  const any = duration(1000, 3_600_000, 'above 0', preset)
  return {
    ...any,
    /** Milliseconds. */
    parse(text: string): number {
      const value = any.parse(text)
      if (value % 1000 !== 0) throw invalid('must be whole seconds, such as 30s or 1m30s')
      return value
    },
  }
}

function invalid(message: string): WeftError {
  return new WeftError('annotation.invalid', message)
}
