import { isDeepStrictEqual } from 'node:util'
import { Fields, formatPath, type FieldProblem } from '../fields.ts'
import { failsClosed, type MeshObject } from '../kinds/kinds.ts'
import { keyOf } from '../kinds/meta.ts'
import type { Change } from '../snapshot.ts'
import type { SourceError } from '../source.ts'
import type { WatchedKind } from './resources.ts'

/** kubectl's copy of the whole object: as large as it, and of no use here. */
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration'

interface Read {
  readonly key: string
  /** Undefined when something is wrong with it, unless it fails closed. */
  readonly object: MeshObject | undefined
  readonly errors: readonly SourceError[]
}

/** What a list found, page by page: of each object only what the mesh reads stays in memory. */
export class Listing {
  readonly #kind: WatchedKind
  readonly found = new Map<string, Read>()

  constructor(kind: WatchedKind) {
    this.#kind = kind
  }

  add(raw: unknown): void {
    const read = readObject(this.#kind, raw)
    this.found.set(read.key, read)
  }
}

/**
 * The objects of one kind, as far as they are right: a wrong one keeps its last good state and is told as an error. One
 * that fails closed and has no such state is taken as it is. An object of which nothing changed that the mesh reads stays the same object, and is no change.
 */
export class KindStore {
  readonly #kind: WatchedKind
  readonly #objects = new Map<string, MeshObject>()
  readonly #errors = new Map<string, readonly SourceError[]>()

  constructor(kind: WatchedKind) {
    this.#kind = kind
  }

  get size(): number {
    return this.#objects.size
  }

  get errors(): readonly SourceError[] {
    return [...this.#errors.values()].flat()
  }

  put(raw: unknown): readonly Change[] {
    return this.#put(readObject(this.#kind, raw))
  }

  delete(raw: unknown): readonly Change[] {
    return this.#delete(identityOf(raw))
  }

  /** Takes a list for all that there is: what is not in it is gone. */
  replace({ found }: Listing): readonly Change[] {
    const changes = [...found.values()].flatMap((read) => this.#put(read))
    const gone = [...this.#objects.keys(), ...this.#errors.keys()].filter((key) => !found.has(key))
    return [...changes, ...gone.flatMap((key) => this.#delete(key))]
  }

  #put({ key, object, errors }: Read): readonly Change[] {
    if (errors.length > 0) this.#errors.set(key, errors)
    else this.#errors.delete(key)
    const before = this.#objects.get(key)
    const good = before && !('unreadable' in before && before.unreadable)
    if (!object || (errors.length > 0 && good)) return []
    if (isDeepStrictEqual(before, object)) return []
    this.#objects.set(key, object)
    return [{ op: 'put', object }]
  }

  #delete(key: string): readonly Change[] {
    this.#errors.delete(key)
    return this.#objects.delete(key) ? [{ op: 'delete', kind: this.#kind.kind, key }] : []
  }
}

/** Reads an object as it comes from the API server. What is wrong in it is told as `Kind namespace/name`, and field. */
function readObject({ kind, read }: WatchedKind, raw: unknown): Read {
  const key = identityOf(raw)
  const problems: FieldProblem[] = []
  const object = read(new Fields(withoutCopies(raw), [], problems))
  if (problems.length === 0) return { key: keyOf(object.meta), object, errors: [] }
  const origin = `${kind} ${key}`
  const [name = '', namespace = ''] = key.split('/').toReversed()
  const errors = problems.map(({ path, message, remedy }) => ({
    origin,
    line: undefined,
    object: { kind, namespace, name },
    field: formatPath(path),
    message,
    ...(remedy !== undefined && { remedy }),
  }))
  return { key, object: failsClosed(object, problems) ? object : undefined, errors }
}

interface RawObject {
  readonly metadata?: {
    readonly namespace?: string
    readonly name?: string
    readonly annotations?: Readonly<Record<string, string>> | null
  } | null
}

function identityOf(raw: unknown): string {
  const { namespace = '', name = '' } = (raw as RawObject | null)?.metadata ?? {}
  return namespace === '' ? name : `${namespace}/${name}`
}

function withoutCopies(raw: unknown): unknown {
  const object = raw as RawObject | null
  const annotations = object?.metadata?.annotations
  if (!annotations || !(LAST_APPLIED in annotations)) return raw
  const { [LAST_APPLIED]: _, ...rest } = annotations
  return { ...object, metadata: { ...object.metadata, annotations: rest } }
}
