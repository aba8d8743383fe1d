import type { MeshClient } from '../../xds/client.ts'
import type { Session, SessionDependencies } from './session.ts'
import { Subscriptions, type Subscription } from './subscriptions.ts'

/** What the sessions of both variants of ADS have; each adds what it answers and what it pushes. */
export abstract class AdsSession<Response, S extends Subscription> implements Session {
  protected readonly client: MeshClient
  protected readonly deps: SessionDependencies<Response>
  protected readonly subscriptions: Subscriptions<S>

  constructor(client: MeshClient, deps: SessionDependencies<Response>) {
    this.client = client
    this.deps = deps
    this.subscriptions = new Subscriptions((type, detail) => deps.onRejected(type, detail))
  }

  get version(): number {
    return this.subscriptions.version
  }

  get rejected(): string {
    return this.subscriptions.rejected
  }

  get held(): number {
    return this.subscriptions.held
  }

  abstract push(): void
}
