import { LINT_IGNORE } from '../core/checks/lint-ignore.ts'
import { describeError, WeftError } from '../core/errors.ts'
import {
  ANNOTATION_PREFIX,
  CAPTURE_ANNOTATION,
  FIELD_CASE,
  FORWARDED_HEADERS,
  OPAQUE_PORTS,
  PROXY_PROTOCOL,
  RESERVED_PORTS,
  STATUS_ANNOTATION,
} from '../core/contract.ts'
import { METRIC_NAME_SETS, readMetricNames } from '../core/metrics/name-sets.ts'
import { parseProxyProtocolPorts } from '../core/proxy-protocol.ts'
import { TELEMETRY_SETTINGS } from '../core/telemetry-settings.ts'
import { WORKLOAD_LIMITS } from '../core/workload-limits.ts'
import { parseCidrs, parsePorts, parsePortsOrAll } from './rules/flags.ts'
import { readImage } from './image.ts'
import { cpuMillis, memoryBytes } from './quantity.ts'

interface Annotation<T> {
  /** For the documentation: what may be written. */
  readonly type: string
  /** For the documentation: what holds without the annotation. */
  readonly default: string
  readonly doc: string
  /** Throws a WeftError that says what is wrong with the text. */
  readonly parse: (text: string) => T
}

const MAX_PORTS = 128
const MAX_CIDRS = 128

/** Every `weft.dev/*` annotation that a pod may carry: the only list of them. */
export const annotations = {
  'include-inbound-ports': {
    type: 'ports or *',
    default: '*',
    doc: 'TCP ports whose incoming connections go through the sidecar.',
    parse: (text) => bounded(parsePortsOrAll(text), MAX_PORTS, 'ports'),
  },
  'exclude-inbound-ports': {
    type: 'ports',
    default: '',
    doc: 'TCP ports whose incoming connections reach the application directly, without mutual TLS.',
    parse: (text) => bounded(parsePorts(text), MAX_PORTS, 'ports'),
  },
  'include-outbound-ports': {
    type: 'ports or *',
    default: '*',
    doc: 'TCP ports to which outgoing connections go through the sidecar.',
    parse: (text) => bounded(parsePortsOrAll(text), MAX_PORTS, 'ports'),
  },
  'exclude-outbound-ports': {
    type: 'ports',
    default: '',
    doc: 'TCP ports to which outgoing connections leave directly. Port 53 always does.',
    parse: (text) => bounded(parsePorts(text), MAX_PORTS, 'ports'),
  },
  'exclude-outbound-cidrs': {
    type: 'CIDRs',
    default: '',
    doc: 'Addresses, IPv4 or IPv6, to which outgoing connections leave directly.',
    parse: (text) => bounded(parseCidrs(text), MAX_CIDRS, 'CIDRs'),
  },
  [OPAQUE_PORTS]: {
    type: 'ports',
    default: '',
    doc: 'Inbound TCP ports of this pod whose protocol is not detected: passed on as bytes, over mutual TLS.',
    parse: (text) => bounded(parsePorts(text), MAX_PORTS, 'ports'),
  },
  'normalize-paths': choice(
    ['on', 'off'],
    'on',
    'Whether paths are made normal before anything decides on them, here and at the callers: docs/paths.md.',
  ),
  'escaped-slashes': choice(
    ['guard', 'keep', 'reject', 'redirect', 'unescape'],
    'guard',
    'What is done with %2F and %5C in paths; guard keeps them where they hide no dot segment.',
  ),
  'path-parameters': choice(
    ['guard', 'keep', 'reject'],
    'guard',
    'What is done with ";" in paths; guard keeps it where it hides no dot segment.',
  ),
  ...WORKLOAD_LIMITS,
  [FIELD_CASE]: choice(
    ['keep', 'lower'],
    'keep',
    'Whether HTTP/1.1 requests to this pod, and its answers, keep how field names are written, or have them in lower case.',
  ),
  [FORWARDED_HEADERS]: choice(
    ['off', 'append', 'sanitize'],
    'off',
    'Whether requests to this pod say who calls in x-forwarded-for and x-forwarded-proto: append keeps what the caller says, sanitize drops it (docs/differences.md).',
  ),
  [PROXY_PROTOCOL]: {
    type: 'port=v1 or port=v2, in a comma list',
    default: '',
    doc: 'Ports whose application is told by the PROXY protocol who calls, and in which version: its connections begin with it, and carry one caller each (docs/differences.md).',
    parse: parseProxyProtocolPorts,
  },
  'proxy-cpu-request': quantity('CPU that the sidecar asks for.', '50m', 'cpu'),
  'proxy-cpu-limit': quantity('CPU that the sidecar may use.', '2', 'cpu'),
  'proxy-memory-request': quantity('Memory that the sidecar asks for.', '96Mi', 'memory'),
  'proxy-memory-limit': quantity('Memory that the sidecar may use.', '512Mi', 'memory'),
  'proxy-image': {
    type: 'image reference',
    default: "the installation's",
    doc: 'Image of the sidecar of this pod, e.g. to try a new version on one workload. Only if the installation allows it: sidecar.imageAnnotations.',
    parse: readImage,
  },
  'init-image': {
    type: 'image reference',
    default: "the installation's",
    doc: "Image of the container that sets this pod's capture rules, with NET_ADMIN. Only if the installation allows it: sidecar.imageAnnotations.",
    parse: readImage,
  },
  'image-pull-policy': choice(
    ['Always', 'IfNotPresent', 'Never'],
    "the installation's",
    'When the node fetches the two images.',
  ),
  'sidecar-order': choice(
    ['native', 'classic'],
    "the installation's, native",
    'Whether the sidecar is an init container that goes on running, or an ordinary container. A classic one keeps a Job from completing, and init containers run before it without the mesh.',
  ),
  'proxy-log-level': choice(['debug', 'info', 'warn', 'error'], 'info', 'How much the sidecar logs.'),
  'proxy-concurrency': {
    type: 'integer, 1 to 64',
    default: '1',
    doc: 'Processes that share the work of the sidecar; one is enough for most pods.',
    parse: (text) => integer(text, 1, 64),
  },
  'drain-seconds': {
    type: 'integer, 0 to 3600',
    default: '20',
    doc: "How long a stopping sidecar waits for running requests; the pod's terminationGracePeriodSeconds ends it too.",
    parse: (text) => integer(text, 0, 3600),
  },
  'metric-names': {
    type: `${METRIC_NAME_SETS.join(', ')}, in a comma list`,
    default: "the installation's, weft",
    doc: "Under whose names Prometheus finds the sidecar's metrics of requests: istio is for Kiali and boards made for it, flagger for Flagger's built-in checks (docs/observability.md).",
    parse: (text) => [...readMetricNames(text)],
  },
  'stitch-traces': choice(
    ['on', 'off'],
    'off',
    'Whether Node.js applications of the pod are started with what carries the trace of a request to those that they send for it, so that they need not pass on header fields (docs/observability.md).',
  ),
  ...TELEMETRY_SETTINGS,
  'rewrite-probes': {
    type: 'true or false',
    default: 'true',
    doc: 'Lets the sidecar answer the HTTP, TCP and gRPC probes for the application, so that they work with STRICT mutual TLS.',
    parse(text) {
      if (text !== 'true' && text !== 'false')
        throw new WeftError('annotation.invalid', 'must be true or false')
      return text === 'true'
    },
  },
} as const satisfies Record<string, Annotation<unknown>>

export type AnnotationName = keyof typeof annotations

/** Values of the annotations that a pod carries; those that it doesn't, or that are wrong, are undefined. */
export type PodOptions = {
  readonly [name in AnnotationName]?: ReturnType<(typeof annotations)[name]['parse']>
}

/** For the documentation: one row an annotation. */
export function annotationTable(): { name: string; type: string; default: string; doc: string }[] {
  return Object.entries(annotations).map(([name, { type, default: preset, doc }]) => ({
    name: ANNOTATION_PREFIX + name,
    type,
    default: preset,
    doc,
  }))
}

/** Not for the injector to read: its own, and the checker's. */
const WRITTEN: ReadonlySet<string> = new Set([STATUS_ANNOTATION, CAPTURE_ANNOTATION, LINT_IGNORE])

/** Reads a pod's annotations. A wrong value is a warning and counts as absent. */
export function readAnnotations(all: ReadonlyMap<string, string>): {
  options: PodOptions
  warnings: string[]
} {
  const options: Record<string, unknown> = {}
  const warnings: string[] = []
  for (const [key, text] of all) {
    if (!key.startsWith(ANNOTATION_PREFIX) || WRITTEN.has(key)) continue
    const name = key.slice(ANNOTATION_PREFIX.length)
    if (!isAnnotation(name)) {
      warnings.push(`annotation ${key} is unknown and has no effect`)
      continue
    }
    try {
      options[name] = annotations[name].parse(text.trim())
    } catch (error) {
      warnings.push(`annotation ${key} is ignored: ${describeError(error)}`)
    }
  }
  for (const name of ['exclude-inbound-ports', 'include-inbound-ports', OPAQUE_PORTS]) {
    const reserved = reservedPort(options[name])
    if (reserved === undefined) continue
    warnings.push(
      `annotation ${ANNOTATION_PREFIX}${name} is ignored: port ${reserved} belongs to the sidecar`,
    )
    delete options[name]
  }
  return { options, warnings }
}

function isAnnotation(name: string): name is AnnotationName {
  return Object.hasOwn(annotations, name)
}

function reservedPort(ports: unknown): number | undefined {
  return Array.isArray(ports) ? RESERVED_PORTS.find((port) => ports.includes(port)) : undefined
}

function choice<const T extends string>(words: readonly T[], preset: string, doc: string): Annotation<T> {
  return {
    type: words.join(', '),
    default: preset,
    doc,
    parse(text) {
      const word = words.find((known) => known === text)
      if (word === undefined) throw new WeftError('annotation.invalid', `must be one of ${words.join(', ')}`)
      return word
    },
  }
}

function bounded<T extends readonly unknown[] | '*'>(list: T, max: number, what: string): T {
  if (list.length > max) throw new WeftError('annotation.invalid', `has more than ${max} ${what}`)
  return list
}

function integer(text: string, min: number, max: number): number {
  const value = /^[0-9]{1,9}$/.test(text) ? Number(text) : -1
  if (value < min || value > max) {
    throw new WeftError('annotation.invalid', `must be an integer from ${min} to ${max}`)
  }
  return value
}

function quantity(doc: string, preset: string, kind: 'cpu' | 'memory'): Annotation<string> {
  return {
    type: kind === 'cpu' ? 'CPU quantity, e.g. 100m' : 'memory quantity, e.g. 128Mi',
    default: preset,
    doc,
    parse(text) {
      if (kind === 'cpu') cpuMillis(text)
      else memoryBytes(text)
      return text
    },
  }
}
