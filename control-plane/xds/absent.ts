import { NO_SUCH_TARGET, OUTBOUND_LISTENER_PREFIX } from '../../core/contract.ts'
import { callListener } from './api-listener.ts'
import { allCallsTo } from './call-route.ts'
import type { MeshClient } from './client.ts'
import { bareCluster } from './cluster.ts'
import { INBOUND } from './names.ts'
import { outlierDetection } from './outlier.ts'
import { encode, TYPE_URLS, type MeshResource, type Messages, type ResourceType } from './resource.ts'

/** In the names that servers with xDS ask for (gRFC A36): they take no such listener, and none is served to them. */
const OF_A_SERVER = 'xds.resource.listening_address'

/** It is a function of the name alone, so that it need not be made to see that it is still the same. */
export const ABSENT_VERSION = 'absent'

/**
 * What a client that waits for names gets for one that stands for nothing; undefined: not even that. gRPC libraries hold
 * all calls of a channel for 15 s while one name of its configuration is unanswered ("does not exist" by timer, in the
 * state of the world); with this the calls that lead there fail at once, and tell the name. It is changed as soon as the
 * name stands for something. It is never kept, since such names are without number.
 */
export function absentResource<T extends ResourceType>(
  type: T,
  name: string,
  client: MeshClient,
): MeshResource<T> | undefined {
  if (type === 'listener' && isOfAnother(name)) return undefined
  return new Absent(type, name, client)
}

class Absent<T extends ResourceType> implements MeshResource<T> {
  readonly version = ABSENT_VERSION
  readonly type: T
  readonly name: string
  readonly #client: MeshClient

  constructor(type: T, name: string, client: MeshClient) {
    this.type = type
    this.name = name
    this.#client = client
  }

  get typeUrl(): string {
    return TYPE_URLS[this.type]
  }

  get message(): Messages[T] {
    return MESSAGES[this.type](this.name, this.#client)
  }

  get body(): Uint8Array {
    return encode(this.type, this.message)
  }
}

const MESSAGES: { readonly [T in ResourceType]: (name: string, client: MeshClient) => Messages[T] } = {
  listener: (name) => callListener(name, allCallsTo(name, `${NO_SUCH_TARGET}/${name}`)),
  route: (name) => allCallsTo(name, `${NO_SUCH_TARGET}/${name}`),
  // A library whose cluster gets other balancers keeps the ones before until those are ready, and calls who has gone.
  cluster: (name, client) => ({ ...bareCluster(name, client), ...outlierDetection(client.takes) }),
  endpoints: (name) => ({ clusterName: name }),
}

/** Listeners of sidecars, and of servers with xDS: no client of calls takes them. */
function isOfAnother(name: string): boolean {
  return name === INBOUND || name.startsWith(OUTBOUND_LISTENER_PREFIX) || name.includes(OF_A_SERVER)
}
