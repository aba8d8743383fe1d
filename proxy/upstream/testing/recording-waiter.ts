import type { RequestHead } from '../../http/message.ts'
import { SeenResponse } from '../../http1/testing/recorders.ts'
import type { ConnectFailure } from '../connector.ts'
import type { HttpPool, PooledConnection, PoolWaiter, Reuse } from '../http-pool.ts'

/** Somebody who wants to send a request on a connection of a pool, and sends it as soon as there is one. */
export class RecordingWaiter implements PoolWaiter {
  connection: PooledConnection | undefined
  failure: ConnectFailure | undefined
  readonly response = new SeenResponse()
  readonly reuse: Reuse

  private constructor(reuse: Reuse) {
    this.reuse = reuse
  }

  /** One that asks this pool. */
  static at(pool: HttpPool, reuse: Reuse = 'any'): RecordingWaiter {
    const waiter = new RecordingWaiter(reuse)
    pool.acquire(waiter)
    return waiter
  }

  get told(): 'waits' | 'connected' | ConnectFailure['reason'] {
    return this.failure?.reason ?? (this.connection ? 'connected' : 'waits')
  }

  onConnection(connection: PooledConnection): void {
    if (this.told !== 'waits') throw new Error('told twice')
    this.connection = connection
    connection.codec.open(requestHead('/'), true, this.response)
  }

  onConnectFailure(failure: ConnectFailure): void {
    if (this.told !== 'waits') throw new Error('told twice')
    this.failure = failure
  }
}

export function requestHead(path: string, change: Partial<RequestHead> = {}): RequestHead {
  return { method: 'GET', scheme: 'http', authority: 'app', path, fields: [], upgrade: '', ...change }
}
