import {
  CONTROL_PLANE,
  GRPC_PORT,
  INIT_CONTAINER,
  PROXY_CONTAINER,
  systemServiceHost,
} from '../core/contract.ts'
import { describeError, WeftError } from '../core/errors.ts'
import { EXCLUDED_NAMESPACES } from '../core/injection/decide.ts'
import { readMetricNames, type MetricNameSet } from '../core/metrics/name-sets.ts'
import { readImage } from './image.ts'
import { cpuMillis, memoryBytes } from './quantity.ts'
import { parseCidr } from './rules/cidr.ts'
import { readList, readObject, readString } from './shape.ts'
import type { Json } from './json-patch.ts'

export interface Resources {
  readonly cpuRequest: string
  readonly cpuLimit: string
  readonly memoryRequest: string
  readonly memoryLimit: string
}

/** What an installation decides about injection; annotations change some of it for one pod. */
export interface InjectorSettings {
  readonly version: string
  readonly proxyImage: string
  readonly initImage: string
  readonly imagePullPolicy: 'Always' | 'IfNotPresent' | 'Never'
  /** host:port of the control plane's gRPC. */
  readonly controlPlane: string
  readonly trustDomain: string
  /** `native`: an init container with restartPolicy Always; `classic`: an ordinary first container. */
  readonly order: 'native' | 'classic'
  /** Sidecars read the roots from the ClusterTrustBundle of this signer; '': from the ConfigMap of their namespace. */
  readonly trustBundleSigner: string
  /**
   * A CNI plugin on every node sets the capture rules, as pods' annotation CAPTURE_ANNOTATION says; pods then need no
   * privileged init container, and have one that sees whether it did.
   */
  readonly cni: boolean
  /**
   * Whether pods may name their own images (weft.dev/proxy-image, weft.dev/init-image). The init container may set the
   * rules of its pod's network, so who may create pods could run with that right whatever they like.
   */
  readonly imageAnnotations: boolean
  /** Namespaces whose pods are never touched. */
  readonly excludedNamespaces: readonly string[]
  readonly excludeOutboundCidrs: readonly string[]
  readonly resources: Resources
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error'
  /** Under whose names Prometheus finds sidecars' metrics of requests. */
  readonly metricNames: readonly MetricNameSet[]
  readonly drainSeconds: number
}

/** The settings of an installation of `version` that changes nothing. */
export function defaultSettings(version: string): InjectorSettings {
  return {
    version,
    proxyImage: `${PROXY_CONTAINER}:${version}`,
    initImage: `${INIT_CONTAINER}:${version}`,
    imagePullPolicy: 'IfNotPresent',
    controlPlane: `${systemServiceHost(CONTROL_PLANE)}:${GRPC_PORT}`,
    trustDomain: 'cluster.local',
    order: 'native',
    trustBundleSigner: '',
    cni: false,
    imageAnnotations: false,
    excludedNamespaces: EXCLUDED_NAMESPACES,
    excludeOutboundCidrs: [],
    resources: { cpuRequest: '50m', cpuLimit: '2', memoryRequest: '96Mi', memoryLimit: '512Mi' },
    logLevel: 'info',
    metricNames: ['weft'],
    drainSeconds: 20,
  }
}

type Readers<T> = { readonly [key in keyof T]: (value: Json, field: string) => T[key] }

const readers: Readers<InjectorSettings> = {
  version: match(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,62}$/, 'a version such as 1.2.3'),
  proxyImage: (value, field) => readImage(readString(value, field)),
  initImage: (value, field) => readImage(readString(value, field)),
  imagePullPolicy: oneOf('Always', 'IfNotPresent', 'Never'),
  controlPlane: match(/^(\[[0-9a-f:.]+\]|[a-z0-9.-]+):[0-9]{1,5}$/, 'host:port'),
  trustDomain: match(/^[a-z0-9._-]{1,255}$/, 'a trust domain such as cluster.local'),
  order: oneOf('native', 'classic'),
  trustBundleSigner: match(
    /^([a-z0-9.-]+\.[a-z0-9-]+\/[^/\s]+)?$/,
    'a signer such as weft.dev/mesh, or empty',
  ),
  cni: readBoolean,
  imageAnnotations: readBoolean,
  excludedNamespaces: (value, field) =>
    readList(value, field).map((item, at) =>
      match(/^[a-z0-9-]{1,63}$/, 'a namespace')(item, `${field}[${at}]`),
    ),
  excludeOutboundCidrs: (value, field) =>
    readList(value, field).map((item, at) => parseCidr(readString(item, `${field}[${at}]`)).text),
  resources: (value, field) => readFields(value, field, resourceReaders, defaultSettings('0').resources),
  logLevel: oneOf('debug', 'info', 'warn', 'error'),
  metricNames: (value, field) => [
    ...readMetricNames(
      readList(value, field)
        .map((item, at) => readString(item, `${field}[${at}]`))
        .join(','),
      field,
    ),
  ],
  drainSeconds(value, field) {
    if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 3600) return value
    throw new WeftError('settings.invalid', 'must be an integer from 0 to 3600', { field })
  },
}

const resourceReaders: Readers<Resources> = {
  cpuRequest: checked(cpuMillis),
  cpuLimit: checked(cpuMillis),
  memoryRequest: checked(memoryBytes),
  memoryLimit: checked(memoryBytes),
}

/**
 * Reads the settings file's document. What is absent is the default; an unknown field or a wrong value
 * throws a WeftError `settings.invalid` with the field's path.
 */
export function parseSettings(document: unknown, version: string): InjectorSettings {
  const own = isVersioned(document) ? document.version : version
  const settings = readFields(document ?? {}, '', readers, defaultSettings(own))
  const { cpuRequest, cpuLimit, memoryRequest, memoryLimit } = settings.resources
  if (cpuMillis(cpuRequest) > cpuMillis(cpuLimit)) throw above('resources.cpuRequest')
  if (memoryBytes(memoryRequest) > memoryBytes(memoryLimit)) throw above('resources.memoryRequest')
  return settings
}

function isVersioned(document: unknown): document is { version: string } {
  return (
    typeof document === 'object' &&
    document !== null &&
    'version' in document &&
    typeof document.version === 'string'
  )
}

function readFields<T extends object>(document: unknown, field: string, all: Readers<T>, defaults: T): T {
  const given = readObject(document, field || 'settings')
  const result = { ...defaults }
  for (const key of Object.keys(given)) {
    if (!isKey(all, key)) {
      throw new WeftError('settings.invalid', `unknown; known are ${Object.keys(all).join(', ')}`, {
        field: path(field, key),
      })
    }
    try {
      result[key] = all[key](given[key] ?? null, path(field, key))
    } catch (error) {
      if (error instanceof WeftError && error.field !== undefined) throw error
      throw new WeftError('settings.invalid', describeError(error), { field: path(field, key) })
    }
  }
  return result
}

function isKey<T extends object>(all: T, key: string): key is Extract<keyof T, string> {
  return Object.hasOwn(all, key)
}

function path(parent: string, key: string): string {
  return parent === '' ? key : `${parent}.${key}`
}

function match(pattern: RegExp, wanted: string) {
  return (value: Json, field: string): string => {
    const text = readString(value, field)
    if (!pattern.test(text)) throw new WeftError('settings.invalid', `must be ${wanted}`, { field })
    return text
  }
}

function oneOf<T extends string>(...allowed: readonly T[]) {
  return (value: Json, field: string): T => {
    const found = allowed.find((item) => item === value)
    if (found === undefined)
      throw new WeftError('settings.invalid', `must be one of ${allowed.join(', ')}`, { field })
    return found
  }
}

function checked(check: (text: string) => number) {
  return (value: Json, field: string): string => {
    const text = readString(value, field)
    check(text)
    return text
  }
}

function readBoolean(value: Json, field: string): boolean {
  if (typeof value === 'boolean') return value
  throw new WeftError('settings.invalid', 'must be true or false', { field })
}

function above(field: string): WeftError {
  return new WeftError('settings.invalid', 'is above the limit', { field })
}
