import { copyOfStart } from '../../../core/text-copy.ts'
import type { Status } from '../../../core/xds/generated/envoy.js'
import { ENDPOINT, CLUSTER, LISTENER, ROUTE } from '../../../core/xds/type-urls.ts'
import type { MeshView } from '../../mesh.ts'
import type { ResourceType } from '../../xds/resource.ts'

/** One client's stream, whichever of the two protocols it speaks. */
export interface Session {
  /** Sends what differs from what this client holds, in the order of `RESOURCE_TYPES`. */
  push(): void
  /** Version of the mesh that the client took last. */
  readonly version: number
  /** Why the client refused what it was sent last, or ''. */
  readonly rejected: string
  /** What the names that it asked for take in memory. Bytes, estimated. */
  readonly held: number
}

/** What a session needs of the world; a test gives its own. */
export interface SessionDependencies<Response> {
  view(): MeshView
  send(response: Response): void
  onRejected(type: ResourceType, detail: string): void
}

/** A request that cannot be answered: the stream ends with INVALID_ARGUMENT or RESOURCE_EXHAUSTED. */
export class BadRequest extends Error {
  readonly exhausted: boolean

  constructor(message: string, exhausted = false) {
    super(message)
    this.exhausted = exhausted
  }
}

const TYPES: ReadonlyMap<string, ResourceType> = new Map([
  [LISTENER, 'listener'],
  [ROUTE, 'route'],
  [CLUSTER, 'cluster'],
  [ENDPOINT, 'endpoints'],
])

export const TYPE_URL: Readonly<Record<ResourceType, string>> = {
  listener: LISTENER,
  route: ROUTE,
  cluster: CLUSTER,
  endpoints: ENDPOINT,
}

export const WILDCARD = '*'

// More than the largest mesh has names for one client; a bound on what one stream may cost.
const MAX_NAMES = 50_000
const LONGEST_NAME = 1024

/** Throws BadRequest for a type that is not served. */
export function typeOf(url: string | undefined): ResourceType {
  const type = TYPES.get(url ?? '')
  if (type) return type
  throw new BadRequest(
    `type_url: "${printable(url ?? '')}" is not served; served are ${[...TYPES.keys()].join(', ')}`,
  )
}

/** Throws BadRequest for a name that is too long. */
export function checkNames(field: string, names: readonly string[]): void {
  const long = names.find((name) => name.length > LONGEST_NAME)
  if (long !== undefined)
    throw new BadRequest(`${field}: a name of ${long.length} characters; at most ${LONGEST_NAME}`)
}

/** Throws BadRequest for more names than a stream may hold of one type. */
export function checkCount(field: string, count: number): void {
  if (count > MAX_NAMES) throw new BadRequest(`${field}: more than ${MAX_NAMES} names on one stream`, true)
}

/** Names per type may be empty for these, on a first request: then it is a wildcard (the legacy form). */
export function hasLegacyWildcard(type: ResourceType): boolean {
  return type === 'listener' || type === 'cluster'
}

/** Why a client refused: it comes from outside, and goes to a log and a page. */
export function rejection(detail: Status): string {
  return printable(detail.message || `status ${detail.code ?? 0}`)
}

/** Text from outside as one line of at most 500 characters, without halves of them (encodeURI throws at those). */
export function printable(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return copyOfStart(text, 500).replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ')
}
