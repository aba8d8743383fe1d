import { isDeepStrictEqual } from 'node:util'
import type { Clock } from '../../core/clock.ts'
import { describeError } from '../../core/errors.ts'
import type { Logger } from '../../core/log.ts'
import type { Watchable } from '../../core/watched.ts'
import { KubernetesError } from '../kubernetes/api-error.ts'
import type { CanaryObject } from '../registry/kinds/canary.ts'
import type { Snapshot } from '../registry/snapshot.ts'
import { decide, type CanaryFacts } from './decide.ts'
import { CountReader, type CountSource } from './evidence/counts.ts'
import { askPrometheus } from './evidence/prometheus.ts'
import type { FollowedRevisions } from './revisions/followed.ts'
import { newVersionOf, stableRevision, type NewVersion } from './revision.ts'
import { readShape, STABLE_ONLY, type OwnedRules } from './route-shape.ts'
import type { CanaryRoute, CanaryStore } from './store.ts'
import type { CanaryStatus } from './status.ts'

export interface CanaryControllerOptions {
  readonly snapshot: Watchable<Snapshot>
  readonly store: CanaryStore
  readonly counts: CountSource
  /** Nothing is written while this is false. */
  readonly mayWrite: () => boolean
  readonly log: Logger
  readonly clock: Clock
}

interface Running {
  canary: CanaryObject
  readonly reader: CountReader
  /** Undefined: not loaded, or there is none. */
  status: CanaryStatus | undefined
  loaded: boolean
  request: string
  cancel: () => void
  looking: Promise<void> | undefined
  again: boolean
  /** It has moved something else than the route, and sees soon what became of that. */
  soon: boolean
  told: string
}

const SOON_MS = 500
const UNSEEN = { judged: 0, failed: 0, durations: [] }

/** Looks at every Canary once an interval, and at once when it or what somebody asks of it changes, and does what `decide` says. */
export class CanaryController {
  readonly #options: CanaryControllerOptions
  readonly #running = new Map<string, Running>()
  readonly #ends: (() => void)[] = []
  #forgetting: Promise<unknown> = Promise.resolve()
  #stopped = false

  constructor(options: CanaryControllerOptions) {
    this.#options = options
    const { snapshot, store } = options
    let before: unknown
    const follow = (now: Snapshot): void => {
      if (now.canaries === before) return
      before = now.canaries
      this.#follow(now.canaries)
    }
    this.#ends.push(
      snapshot.watch(follow),
      store.onRequest(() => this.#lookAtRequests()),
    )
    follow(snapshot.value)
  }

  /** By `namespace/name`. */
  status(key: string): CanaryStatus | undefined {
    return this.#running.get(key)?.status
  }

  /** Resolves when nothing more is written. */
  async stop(): Promise<void> {
    this.#stopped = true
    for (const end of this.#ends) end()
    for (const one of this.#running.values()) one.cancel()
    await Promise.all([this.#forgetting, ...[...this.#running.values()].map(({ looking }) => looking)])
  }

  #follow(canaries: ReadonlyMap<string, CanaryObject>): void {
    for (const [key, canary] of canaries) {
      const running = this.#running.get(key)
      if (!running) {
        const one: Running = {
          canary,
          reader: new CountReader(this.#options.counts),
          status: undefined,
          loaded: false,
          request: '',
          cancel: () => {},
          looking: undefined,
          again: false,
          soon: false,
          told: '',
        }
        this.#running.set(key, one)
        this.#look(one)
        continue
      }
      const changed = !isDeepStrictEqual(running.canary.spec, canary.spec)
      running.canary = canary
      // Its own writes come back to it: they are no reason to look again.
      if (changed || this.#options.store.request(canary) !== running.request) this.#look(running)
    }
    for (const [key, running] of this.#running) {
      if (canaries.has(key)) continue
      this.#running.delete(key)
      running.cancel()
      this.#forgetting = Promise.all([this.#forgetting, this.#forget(running)])
    }
  }

  async #forget({ canary, looking, status }: Running): Promise<void> {
    await looking
    if (!this.#options.mayWrite()) return
    try {
      await this.#options.store.forget(canary, status)
    } catch (error) {
      this.#options.log.warn('the route of a Canary that is gone could not be written', {
        canary: keyOf(canary),
        reason: describeError(error),
      })
    }
  }

  #lookAtRequests(): void {
    for (const one of this.#running.values())
      if (this.#options.store.request(one.canary) !== one.request) this.#look(one)
  }

  #look(one: Running): void {
    if (this.#stopped) return
    one.cancel()
    if (one.looking) {
      one.again = true
      return
    }
    one.looking = this.#round(one).then(() => {
      one.looking = undefined
      if (this.#stopped || this.#running.get(keyOf(one.canary)) !== one) return
      if (one.again) {
        one.again = false
        return this.#look(one)
      }
      const { intervalMs } = one.canary.spec
      const after = one.soon ? Math.min(SOON_MS, intervalMs) : intervalMs
      one.cancel = this.#options.clock.after(after, () => this.#look(one))
    })
  }

  async #round(one: Running): Promise<void> {
    const { store, log, mayWrite } = this.#options
    try {
      if (!mayWrite()) return
      if (!one.loaded) one.status = await store.status(one.canary)
      one.loaded = true
      const { canary } = one
      const route = await store.route(canary)
      const rules = this.#rules(canary, route)
      const revisions = await this.#revisions(one, rules)
      one.soon = revisions?.acted ?? false
      if (revisions?.stableOnly && route) return await store.shape(canary, route, STABLE_ONLY)
      const facts = await this.#facts(one, rules, revisions)
      const { status, shape, events } = decide(canary, one.status, facts)
      if (!mayWrite()) return
      // First what is meant, then the act: whoever goes on from here knows both shapes for its own. What could not be saved
      // is decided again.
      if (!isDeepStrictEqual(status, one.status)) await store.save(canary, status)
      one.status = status
      one.request = facts.request
      for (const event of events) {
        log.info('canary', { canary: keyOf(canary), reason: event.reason, message: event.message })
        store.event(canary, event)
      }
      if (shape && route) await store.shape(canary, route, shape)
      one.told = ''
    } catch (error) {
      const reason = describeError(error)
      const conflict = error instanceof KubernetesError && error.status === 409
      if (!conflict && reason !== one.told)
        log.warn('a Canary could not be looked at; it is tried again', { canary: keyOf(one.canary), reason })
      one.told = reason
    }
  }

  #rules({ meta, spec }: CanaryObject, route: CanaryRoute | undefined): OwnedRules | string {
    if (route) return readShape(route.rules, meta.namespace, spec)
    return `there is no ${spec.route.kind} ${meta.namespace}/${spec.route.name}`
  }

  async #revisions(
    { canary, status }: Running,
    rules: OwnedRules | string,
  ): Promise<FollowedRevisions | undefined> {
    const { deployment } = canary.spec
    if (!deployment) return undefined
    const { snapshot, store } = this.#options
    return await store.revisions(canary, deployment, {
      status,
      shape: typeof rules === 'string' ? undefined : rules.shape,
      stableReady: stableRevision(canary, snapshot.value),
    })
  }

  async #facts(
    one: Running,
    rules: OwnedRules | string,
    revisions: FollowedRevisions | undefined,
  ): Promise<CanaryFacts> {
    const { canary, status, reader } = one
    const { snapshot, store, clock } = this.#options
    const { conditions } = canary.spec
    const mirrored = (status?.route.shape.mirrorPercent ?? 0) > 0
    const active = status?.phase === 'Progressing' || status?.phase === 'Paused'
    return {
      now: clock.now(),
      route: revisions && revisions.problem !== '' ? revisions.problem : rules,
      ...seenOf(newVersionOf(canary, snapshot.value), revisions),
      request: store.request(canary),
      seen:
        typeof rules === 'string'
          ? { stable: UNSEEN, canary: UNSEEN }
          : await reader.read(canary, rules, mirrored),
      queries: active ? await Promise.all(conditions.prometheus.map(askPrometheus)) : [],
    }
  }
}

/** Of a Deployment's revisions the new one is what its template says, and it is there once its Service leads to it. */
function seenOf(
  seen: NewVersion,
  revisions: FollowedRevisions | undefined,
): NewVersion & Pick<CanaryFacts, 'waits'> {
  if (!revisions) return seen
  const { revision, selected, waits } = revisions
  const there = revision !== '' && selected === revision && seen.revision === revision
  return { revision, ready: there ? seen.ready : 0, waits }
}

function keyOf({ meta }: CanaryObject): string {
  return `${meta.namespace}/${meta.name}`
}
