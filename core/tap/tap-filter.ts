import { WeftError } from '../errors.ts'

/** Which requests a tap shows: all that is given must hold. */
export interface TapFilter {
  readonly direction?: 'inbound' | 'outbound'
  /** `catalog` or `catalog.shop`: it asked, was asked, or tells. */
  readonly service?: string
  /** `HTTPRoute/shop/catalog`, or with `/0` one rule of it. */
  readonly route?: string
  readonly method?: string
  /** What the path begins with. */
  readonly path?: string
  /** `503`, or `5xx`; `0`: no answer. */
  readonly status?: string
  /** Letters of one of its flags: `UF`. */
  readonly flag?: string
  /** How long it took; milliseconds, both inclusive. */
  readonly min?: number
  readonly max?: number
}

/** What a filter looks at. */
export interface TapSubject {
  readonly direction: 'inbound' | 'outbound'
  /** `name.namespace` of the services at its ends, as far as they are known. */
  readonly services: () => readonly string[]
  readonly route: string
  readonly method: string
  readonly path: string
  readonly status: number
  readonly flags: () => readonly string[]
  readonly durationMs: number
}

const LONGEST = 1024
const TEXTS = ['service', 'route', 'method', 'path', 'flag'] as const
const NAMES = new Set<string>([...TEXTS, 'direction', 'status', 'min', 'max'])
const STATUS = /^([1-5]xx|0|[1-5]\d\d)$/

/** Of what comes over a wire. Throws WeftError `tap.filter` with the field that is wrong. */
export function readTapFilter(value: unknown): TapFilter {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw wrong('filter', 'must be an object')
  const given = value as Readonly<Record<string, unknown>>
  const unknown = Object.keys(given).find((name) => !NAMES.has(name))
  // A condition that is not understood must not be taken for none.
  if (unknown !== undefined) throw wrong(unknown.slice(0, 40), 'is not known')
  for (const name of TEXTS) {
    const text = given[name]
    if (text !== undefined && (typeof text !== 'string' || text.length > LONGEST))
      throw wrong(name, `must be text of at most ${LONGEST} characters`)
  }
  const { direction, status, min, max } = given
  if (direction !== undefined && direction !== 'inbound' && direction !== 'outbound')
    throw wrong('direction', 'must be inbound or outbound')
  if (status !== undefined && (typeof status !== 'string' || !STATUS.test(status)))
    throw wrong('status', 'must be a status, e.g. 503, or 5xx; 0 where none came')
  for (const [name, ms] of Object.entries({ min, max }))
    if (ms !== undefined && (typeof ms !== 'number' || !(ms >= 0)))
      throw wrong(name, 'must be milliseconds, 0 or more')
  return given
}

export function tapTakes(filter: TapFilter, subject: TapSubject): boolean {
  const { direction, service, route, method, path, status, flag, min = 0, max = Infinity } = filter
  return (
    (direction === undefined || direction === subject.direction) &&
    (method === undefined || method === subject.method) &&
    subject.durationMs >= min &&
    subject.durationMs <= max &&
    (status === undefined || hasStatus(subject.status, status)) &&
    (path === undefined || subject.path.startsWith(path)) &&
    (route === undefined || subject.route === route || subject.route.startsWith(`${route}/`)) &&
    (flag === undefined || subject.flags().includes(flag)) &&
    (service === undefined || subject.services().some((one) => isService(one, service)))
  )
}

function hasStatus(status: number, wanted: string): boolean {
  return wanted.endsWith('xx') ? Math.floor(status / 100) === Number(wanted[0]) : status === Number(wanted)
}

function isService(name: string, wanted: string): boolean {
  return name === wanted || name.slice(0, name.lastIndexOf('.')) === wanted
}

function wrong(field: string, message: string): WeftError {
  return new WeftError('tap.filter', message, { field })
}
