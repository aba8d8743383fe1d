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
import { newVersionOf } from './revision.ts'
import { readShape } from './route-shape.ts'
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
  told: string
}

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
      one.cancel = this.#options.clock.after(one.canary.spec.intervalMs, () => this.#look(one))
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
      const facts = await this.#facts(one, route)
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

  async #facts(one: Running, route: CanaryRoute | undefined): Promise<CanaryFacts> {
    const { canary, status, reader } = one
    const { snapshot, store, clock } = this.#options
    const { namespace } = canary.meta
    const { route: ref, conditions } = canary.spec
    const rules = route
      ? readShape(route.rules, namespace, canary.spec)
      : `there is no ${ref.kind} ${namespace}/${ref.name}`
    const mirrored = (status?.route.shape.mirrorPercent ?? 0) > 0
    const active = status?.phase === 'Progressing' || status?.phase === 'Paused'
    return {
      now: clock.now(),
      route: rules,
      ...newVersionOf(canary, snapshot.value),
      request: store.request(canary),
      seen:
        typeof rules === 'string'
          ? { stable: UNSEEN, canary: UNSEEN }
          : await reader.read(canary, rules, mirrored),
      queries: active ? await Promise.all(conditions.prometheus.map(askPrometheus)) : [],
    }
  }
}

function keyOf({ meta }: CanaryObject): string {
  return `${meta.namespace}/${meta.name}`
}
