import type { Watchable } from '../../core/watched.ts'
import { KubernetesError } from '../kubernetes/api-error.ts'
import { findObject } from '../kubernetes/find-object.ts'
import { followObjects, type Followed, type KubernetesObject } from '../kubernetes/follow.ts'
import { apiTime, mergeEntries, type EntryList, type LiveEntry, type WantedEntry } from './status-entries.ts'
import { WorkQueue } from './work-queue.ts'
import { APPLY, FIELD_MANAGER, type Writer, type WriterContext } from './writer.ts'

export interface StatusKind {
  /** `gateway.networking.k8s.io/v1` */
  readonly groupVersion: string
  readonly plural: string
}

/** An object whose status the mesh has an opinion on. */
export interface StatusOwner {
  readonly kind: string
  readonly namespace: string
  readonly name: string
}

export interface EntriesOptions<View, Owner extends StatusOwner> {
  /** For messages, e.g. `a route's status`. */
  readonly what: string
  readonly kinds: Readonly<Record<string, StatusKind>>
  readonly list: EntryList
  /** The mesh. */
  readonly view: Watchable<View>
  /** The same array while nothing of it changed, and in it the same objects. */
  readonly statusOf: (view: View) => readonly Owner[]
  readonly entriesOf: (owner: Owner) => readonly WantedEntry[]
}

/** Keeps our entries in a list of the status of every object of these kinds: what became of it, for whoever wrote it. */
export function startEntriesWriter<View, Owner extends StatusOwner>(
  context: WriterContext,
  { what, kinds, list, view, statusOf, entriesOf }: EntriesOptions<View, Owner>,
): Writer {
  const { connection, clock } = context
  let current = statusOf(view.value)
  let wanted = byKey(current)
  /** Followed objects that are behind what the API server has. */
  const stale = new Set<string>()

  const queue = new WorkQueue({
    ...context,
    what,
    async reconcile(key) {
      const [kind = '', name = ''] = key.split(' ')
      const own = kinds[kind]
      const follows = followed.get(kind)
      if (!own || !follows) return
      const object = stale.has(key) ? await read(own, name) : follows.objects.get(name)
      stale.delete(key)
      if (!object) return
      const owner = wanted.get(key)
      const now = apiTime(clock.now())
      const entries = mergeEntries(list, entriesIn(object, list), owner ? entriesOf(owner) : [], now)
      if (!entries) return
      const { namespace, name: objectName, resourceVersion } = object.metadata
      try {
        const answer = await connection.request({
          method: 'PATCH',
          path: `${collectionOf(own, namespace)}/${objectName}/status`,
          query: { fieldManager: FIELD_MANAGER, force: true },
          contentType: APPLY,
          // The list is atomic: it is applied as a whole, so nobody may have written since it was read.
          body: {
            apiVersion: own.groupVersion,
            kind,
            metadata: { namespace, name: objectName, resourceVersion },
            status: { [list.field]: entries },
          },
        })
        follows.wrote(answer)
      } catch (error) {
        if (error instanceof KubernetesError && error.status === 404) return
        if (error instanceof KubernetesError && error.status === 409) stale.add(key)
        throw error
      }
    },
  })
  const read = (kind: StatusKind, key: string): Promise<KubernetesObject | undefined> => {
    const [namespace = '', name = ''] = key.split('/')
    return findObject(connection, collectionOf(kind, namespace), name)
  }
  const followed: ReadonlyMap<string, Followed> = new Map(
    Object.entries(kinds).map(([kind, { groupVersion, plural }]) => [
      kind,
      followObjects({
        ...context,
        path: `/apis/${groupVersion}/${plural}`,
        onObject: (name) => queue.add(`${kind} ${name}`),
      }),
    ]),
  )
  const unwatch = view.watch((now) => {
    const next = statusOf(now)
    // Endpoints come and go, and change nothing of this.
    if (next === current) return
    current = next
    const before = wanted
    wanted = byKey(next)
    for (const [key, owner] of wanted) if (before.get(key) !== owner) queue.add(key)
    for (const key of before.keys()) if (!wanted.has(key)) queue.add(key)
  })
  return {
    async stop() {
      unwatch()
      for (const one of followed.values()) one.close()
      await queue.stop()
    },
  }
}

function byKey<Owner extends StatusOwner>(all: readonly Owner[]): ReadonlyMap<string, Owner> {
  return new Map(all.map((one) => [`${one.kind} ${one.namespace}/${one.name}`, one]))
}

function collectionOf({ groupVersion, plural }: StatusKind, namespace = ''): string {
  return `/apis/${groupVersion}/namespaces/${namespace}/${plural}`
}

function entriesIn(object: KubernetesObject, { field }: EntryList): readonly LiveEntry[] {
  const status = (object['status'] ?? {}) as Readonly<Record<string, readonly LiveEntry[] | null>>
  return status[field] ?? []
}
