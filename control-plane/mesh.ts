import { describeError } from '../core/errors.ts'
import type { Logger } from '../core/log.ts'
import { Watched, type Watchable } from '../core/watched.ts'
import type { KeyStore } from './jwks/key-store.ts'
import type { Mesh } from './model/mesh.ts'
import type { Problem } from '../core/problem.ts'
import type { PolicyStatus } from './model/policy-status.ts'
import type { RouteStatus } from './model/route.ts'
import { TouchHistory } from './model/touch-history.ts'
import { meshProblems } from './problems/mesh-problems.ts'
import { sameForProxies } from './registry/snapshot.ts'
import type { Source } from './registry/source.ts'
import { serviceViews, type ServiceView } from './service-view.ts'
import { Translator, type TranslatorOptions } from './translate/translate.ts'
import type { MeshClient } from './xds/client.ts'
import type { MeshResource, ResourceType } from './xds/resource.ts'
import { ResourceCache, resourceNames } from './xds/resources.ts'

export interface MeshOptions extends TranslatorOptions {
  readonly source: Source
  readonly log: Logger
  /** Roots of other trust domains, by domain, as PEM. */
  readonly federated?: Watchable<Readonly<Record<string, string>>> | undefined
  /** Share of requests that begin a sampled trace when their caller decided nothing, 0 to 100. Default 1. */
  readonly samplingPercent?: number
  /** Keys that policies name by a URL; left out: none is fetched. */
  readonly keys?: KeyStore | undefined
}

/** One version of the mesh, for whoever serves it; immutable. */
export interface MeshView {
  /** Grows with every change. */
  readonly version: number
  /** Undefined: no such resource for this client. The same object while its content stays (but see absent.ts). */
  resource<T extends ResourceType>(type: T, name: string, client: MeshClient): MeshResource<T> | undefined
  /** What a wildcard of this client stands for, sorted. */
  names(type: ResourceType, client: MeshClient): readonly string[]
  /** Whether this client has to be told of this name when it held `earlier`. */
  changed(earlier: MeshView, type: ResourceType, name: string, client: MeshClient): boolean
  /** What may differ since that version, by the names of `scopeOf`; undefined when that is too long ago to tell. */
  touchedSince(version: number): ReadonlySet<string> | undefined
  readonly routeStatus: readonly RouteStatus[]
  readonly policyStatus: readonly PolicyStatus[]
  readonly services: readonly ServiceView[]
  readonly model: Mesh
}

export interface MeshBrain {
  readonly snapshot: Watchable<MeshView>
  /** What is wrong with what the mesh was told, now; empty when all is well. */
  problems(): readonly Problem[]
  /** Closes the source, too. */
  close(): void
}

/** Source -> mesh model -> resources, kept current. A change that cannot be worked out leaves the last version in force. */
export function createMesh({
  source,
  log,
  samplingPercent = 1,
  keys,
  federated,
  ...options
}: MeshOptions): MeshBrain {
  const translator = new Translator(options)
  const cache = new ResourceCache({ samplingPercent })
  const translate = (): Mesh =>
    translator.translate(source.snapshot.value, { keys: keys?.keys.value, federated: federated?.value })
  const first = translate()
  let history = TouchHistory.of(first)
  const view = (): MeshView => {
    const model = translate()
    history = history.next(model)
    return new View(model, cache, history)
  }
  const snapshot = new Watched<MeshView>(new View(first, cache, history))
  let told = source.snapshot.value
  const changed = (): void => {
    try {
      snapshot.set(view())
      // Last: what is not wanted any more is gone at once, and leads here again.
      keys?.want(snapshot.value.model.tokens.sources)
    } catch (error) {
      log.error('a change of the mesh could not be worked out; the version before stays in force', {
        error: describeError(error),
      })
    }
  }
  const unwatchKeys = keys?.keys.watch(changed)
  const unfederate = federated?.watch(changed)
  keys?.want(first.tokens.sources)
  const unwatch = source.snapshot.watch((now) => {
    const same = sameForProxies(told, now)
    told = now
    if (!same) changed()
  })
  return {
    snapshot,
    problems: () =>
      meshProblems({
        sources: source.errors.value,
        snapshot: source.snapshot.value,
        mesh: snapshot.value.model,
      }),
    close() {
      unwatch()
      unwatchKeys?.()
      unfederate?.()
      source.close()
    },
  }
}

class View implements MeshView {
  readonly model: Mesh
  readonly #cache: ResourceCache
  readonly #history: TouchHistory
  #services: readonly ServiceView[] | undefined

  constructor(model: Mesh, cache: ResourceCache, history: TouchHistory) {
    this.model = model
    this.#cache = cache
    this.#history = history
  }

  get version(): number {
    return this.model.version
  }

  get routeStatus(): readonly RouteStatus[] {
    return this.model.routeStatus
  }

  get policyStatus(): readonly PolicyStatus[] {
    return this.model.policyStatus
  }

  get services(): readonly ServiceView[] {
    return (this.#services ??= serviceViews(this.model))
  }

  resource<T extends ResourceType>(type: T, name: string, client: MeshClient): MeshResource<T> | undefined {
    return this.#cache.get(this.model, type, name, client)
  }

  names(type: ResourceType, client: MeshClient): readonly string[] {
    return resourceNames(this.model, type, client)
  }

  touchedSince(version: number): ReadonlySet<string> | undefined {
    return this.#history.since(version)
  }

  changed(earlier: MeshView, type: ResourceType, name: string, client: MeshClient): boolean {
    return this.#cache.changed(earlier.model, this.model, type, name, client)
  }
}
