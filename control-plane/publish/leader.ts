import { systemClock, type Clock } from '../../core/clock.ts'
import { describeError } from '../../core/errors.ts'
import type { Logger } from '../../core/log.ts'
import { Watched, type Watchable } from '../../core/watched.ts'
import { KubernetesError } from '../kubernetes/api-error.ts'
import type { KubernetesConnection } from '../kubernetes/connection.ts'
import { heldBy, microTime, released, type Lease } from './lease.ts'

export interface LeaderOptions {
  readonly connection: Pick<KubernetesConnection, 'request'>
  readonly namespace: string
  /** Of the Lease. */
  readonly name: string
  /** Unlike that of any other replica, also of the same pod's last run. */
  readonly identity: string
  readonly log: Logger
  readonly clock?: Clock
  readonly random?: () => number
  readonly times?: LeaderTimes
}

/** Milliseconds. */
export interface LeaderTimes {
  /** A Lease that did not change for so long is nobody's. */
  readonly leaseMs: number
  /** A leader that could not renew for so long stops, before others think that it has. */
  readonly renewMs: number
  readonly retryMs: number
}

export interface Leader {
  /** Who may write. It turns false in time even when the API server is away. */
  readonly leading: Watchable<boolean>
  /** The same, judged at this moment: false in a process that was stopped for longer than its Lease. */
  mayWrite(): boolean
  /** Gives the Lease back, so that another need not wait for its end. */
  close(): Promise<void>
}

/** Those of Kubernetes' own components. */
export const LEADER_TIMES: LeaderTimes = { leaseMs: 15_000, renewMs: 10_000, retryMs: 2_000 }

/**
 * Leader election by a Lease (coordination.k8s.io/v1). Times that others wrote are never compared with the own clock:
 * a Lease counts as held until it has been seen unchanged for its duration.
 */
export function electLeader(options: LeaderOptions): Leader {
  const { connection, namespace, name, identity, log, clock = systemClock, random = Math.random } = options
  const times = options.times ?? LEADER_TIMES
  const collection = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`
  const leading = new Watched(false)
  /** The Lease as last seen, and when it was first seen like that. */
  let observed: { readonly lease: Lease; readonly at: number } | undefined
  /** When the last successful renewal was begun. */
  let renewedAt = -Infinity
  let closed = false
  let cancel = () => {}
  let running: Promise<void> = Promise.resolve()
  let told = ''

  const see = (lease: Lease, at: number): void => {
    if (observed?.lease.metadata.resourceVersion !== lease.metadata.resourceVersion) observed = { lease, at }
  }
  const request = async (method: 'GET' | 'POST' | 'PUT', lease?: Lease): Promise<Lease> =>
    (await connection.request({
      method,
      path: method === 'POST' ? collection : `${collection}/${name}`,
      timeoutMs: Math.max(times.retryMs, times.renewMs / 2),
      ...(lease && { body: lease }),
    })) as Lease

  /** Throws KubernetesError. True: it is ours from `started` on. */
  const acquire = async (started: number): Promise<boolean> => {
    const found = observed && leading.value ? observed.lease : await current()
    if (!found) {
      see(await request('POST', heldBy(undefined, options, microTime(started), times.leaseMs)), clock.now())
      return true
    }
    if (!leading.value) see(found, clock.now())
    const holder = found.spec?.holderIdentity ?? ''
    if (holder !== identity && holder !== '') {
      // A holder that says less than it should is given what we would take.
      const seconds = found.spec?.leaseDurationSeconds ?? 0
      const lasts = Math.max(seconds > 0 ? seconds * 1000 : times.leaseMs, 1)
      if (clock.now() < (observed?.at ?? clock.now()) + lasts) return false
    }
    if (closed) return false
    see(await request('PUT', heldBy(found, options, microTime(started), times.leaseMs)), clock.now())
    return true
  }
  const current = async (): Promise<Lease | undefined> => {
    try {
      return await request('GET')
    } catch (error) {
      if (error instanceof KubernetesError && error.status === 404) return undefined
      throw error
    }
  }

  const step = async (): Promise<void> => {
    const started = clock.now()
    let ours = false
    try {
      ours = await acquire(started)
      told = ''
    } catch (error) {
      // 409: somebody else was faster. What is there now is read next time.
      if (!(error instanceof KubernetesError && error.status === 409)) tell(describeError(error))
      if (leading.value) await reread()
    }
    if (ours) {
      renewedAt = started
      if (!leading.value && !closed) {
        log.info('leading: this replica writes status, bundles and the webhook configuration', { identity })
        leading.set(true)
      }
    }
    stopUnlessHeld()
  }
  /** After a failed renewal: somebody may have edited, deleted or taken the Lease. */
  const reread = async (): Promise<void> => {
    try {
      const found = await current()
      if (!found || (found.spec?.holderIdentity ?? '') !== identity) {
        renewedAt = -Infinity
        observed = found && { lease: found, at: clock.now() }
      } else see(found, clock.now())
    } catch {
      // The API server is away: the Lease is ours until its time is over.
    }
  }
  const mayWrite = (): boolean => leading.value && clock.now() < renewedAt + times.renewMs
  const stopUnlessHeld = (): void => {
    if (!leading.value || mayWrite()) return
    log.warn('no longer leading: the Lease was lost or could not be renewed', { identity })
    leading.set(false)
  }
  const tell = (reason: string): void => {
    if (reason !== told) log.warn('the leader Lease could not be read or written', { reason })
    told = reason
  }

  const turn = (): void => {
    running = step().then(() => {
      // Jitter, so that replicas do not ask in step.
      if (!closed) cancel = clock.after(times.retryMs * (leading.value ? 1 : 1 + 0.2 * random()), turn)
    })
  }
  // A request that hangs must not keep a leader in office.
  let cancelWatchdog = () => {}
  const watchdog = (): void => {
    stopUnlessHeld()
    if (!closed) cancelWatchdog = clock.after(times.retryMs / 2, watchdog)
  }
  turn()
  watchdog()

  return {
    leading,
    mayWrite,
    async close() {
      if (closed) return running
      closed = true
      cancel()
      cancelWatchdog()
      await running
      leading.set(false)
      // Also one that was acquired while this was called.
      if (!observed || observed.lease.spec?.holderIdentity !== identity) return
      try {
        await request('PUT', released(observed.lease, microTime(clock.now())))
      } catch (error) {
        log.warn('the leader Lease could not be given back; it ends by itself', {
          reason: describeError(error),
        })
      }
    },
  }
}
