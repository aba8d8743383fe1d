import type { Watchable } from '../../../core/watched.ts'
import type { Snapshot } from '../../registry/snapshot.ts'
import { troubledRevisions } from '../revisions/followed.ts'
import type { CanaryStore } from '../store.ts'
import type { ManifestRoutes } from './manifest-routes.ts'
import type { CanaryDirectory } from './state-directory.ts'

export interface ManifestStoreOptions {
  readonly routes: ManifestRoutes
  readonly directory: CanaryDirectory
  readonly snapshot: Watchable<Snapshot>
  /** Has files read again. */
  readonly reread: () => void
}

/** Canaries of files: their routes get another shape as they are read, their state is in a directory. */
export function manifestStore({ routes, directory, snapshot, reread }: ManifestStoreOptions): CanaryStore {
  return {
    route(canary) {
      const { kind, name } = canary.spec.route
      const { httpRoutes, grpcRoutes } = snapshot.value
      const there = (kind === 'HTTPRoute' ? httpRoutes : grpcRoutes).has(`${canary.meta.namespace}/${name}`)
      const rules = there ? routes.rules(canary) : undefined
      return Promise.resolve(rules && { rules, resourceVersion: '' })
    },
    shape(canary, _route, shape) {
      routes.shape(canary, shape)
      reread()
      return Promise.resolve()
    },
    // Files say what runs now; nobody keeps the pods of a template that is no longer in them.
    revisions: () =>
      Promise.resolve(
        troubledRevisions(
          'two revisions of one Deployment need the Deployment controller of a cluster: here name two Services as stable and canary',
        ),
      ),
    status: ({ meta }) => Promise.resolve(directory.status(meta.namespace, meta.name)),
    save({ meta }, status) {
      directory.save(meta.namespace, meta.name, status)
      return Promise.resolve()
    },
    request: ({ meta }) => directory.request(meta.namespace, meta.name),
    onRequest: (asked) => directory.watch(asked),
    // They stand in the status, and in the log.
    event: () => {},
    forget(canary) {
      routes.forget(canary)
      directory.forget(canary.meta.namespace, canary.meta.name)
      reread()
      return Promise.resolve()
    },
  }
}
