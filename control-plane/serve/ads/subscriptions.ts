import type { Status } from '../../../core/xds/generated/envoy.js'
import type { MeshView } from '../../mesh.ts'
import type { ResourceType } from '../../xds/resource.ts'
import type { Answers } from './answers.ts'

/** What a client holds of one type, in either variant of the protocol. */
export interface Subscription {
  /** Version that was sent last, by name. */
  readonly sent: Map<string, string>
  readonly answers: Answers
  /** What its names take in memory, estimated; see heldBy. */
  held: number
}

/** What a name costs in the sets and maps of a subscription, in bytes: itself, and its entries. */
export function heldBy(name: string): number {
  return name.length + 160
}

/** How a client answers a response: with its nonce, and with an error where it refuses. */
export interface Acknowledgement {
  readonly responseNonce?: string | undefined
  readonly errorDetail?: Status | undefined
}

/** The subscriptions of one stream, and how far its client has followed the mesh. */
export class Subscriptions<S extends Subscription> {
  /** Version of the mesh that the client took last; 0: none yet. */
  version = 0
  readonly #byType = new Map<ResourceType, S>()
  readonly #onRejected: (type: ResourceType, detail: string) => void
  #nonce = 0
  #compared = 0

  constructor(onRejected: (type: ResourceType, detail: string) => void) {
    this.#onRejected = onRejected
  }

  get(type: ResourceType): S | undefined {
    return this.#byType.get(type)
  }

  add(type: ResourceType, subscription: S): void {
    this.#byType.set(type, subscription)
  }

  /** Why the client refused what it was sent last, or ''. */
  get rejected(): string {
    for (const [type, { answers }] of this.#byType)
      if (answers.refused !== '') return `${type}: ${answers.refused}`
    return ''
  }

  /** What all names of the stream take in memory. Bytes, estimated. */
  get held(): number {
    let held = 0
    for (const subscription of this.#byType.values()) held += subscription.held
    return held
  }

  nextNonce(): string {
    return String(++this.#nonce)
  }

  /** Takes in what a request says of an earlier response of this type. */
  acknowledge(type: ResourceType, { responseNonce, errorDetail }: Acknowledgement): void {
    const answers = this.#byType.get(type)?.answers
    if (!responseNonce || !answers?.answered(responseNonce, errorDetail)) return
    if (errorDetail) this.#onRejected(type, `${type}: ${answers.refused}`)
  }

  /** Version of the mesh that every subscription was compared with; 0: none yet. */
  get compared(): number {
    return this.#compared
  }

  /** A request was handled with this view: of the first one of a stream, every subscription is compared with it. */
  handled(view: MeshView): void {
    if (this.#compared === 0) this.#compared = view.version
    this.#settle()
  }

  /** Every subscription was compared with this view. */
  pushed(view: MeshView): void {
    this.#compared = view.version
    this.#settle()
  }

  /** The client is as far as it was told, unless something waits for its answer or was refused. */
  #settle(): void {
    for (const { answers } of this.#byType.values()) if (answers.waiting || answers.refused !== '') return
    this.version = this.#compared
  }
}

/** Forgets what was sent under other names. */
export function keepOnly(sent: Map<string, string>, names: ReadonlySet<string>): void {
  for (const name of sent.keys()) if (!names.has(name)) sent.delete(name)
}
