import { Client, credentials, Metadata, status, type ServiceError } from '@grpc/grpc-js'
import {
  AggregatedDiscoveryService,
  DeltaDiscoveryResponse,
  type DeltaDiscoveryRequest,
} from '../../core/xds/generated/envoy.js'
import { TYPE_URL } from '../../control-plane/serve/ads/session.ts'
import { INBOUND, outboundName } from '../../control-plane/xds/names.ts'
import type { ResourceType } from '../../control-plane/xds/resource.ts'
import {
  NODE_TAKES,
  TAKES_JWT,
  TAKES_OWNERS,
  TAKES_OUTLIER_DETECTION,
  TAKES_RBAC,
  TAKES_TAP,
  TAKES_TELEMETRY,
  TAKES_TRUST,
} from '../../core/contract.ts'
import {
  CHANGED_PATH,
  monotonicMs,
  policyKey,
  type ClientsConfig,
  type FromClients,
  type ProxySpec,
} from './messages.ts'

const { path, requestSerialize } = AggregatedDiscoveryService.deltaAggregatedResources
const TYPES: readonly ResourceType[] = ['listener', 'route', 'cluster', 'endpoints']

interface Received {
  readonly response: DeltaDiscoveryResponse
  readonly bytes: number
}

let bytesSoFar = 0
const proxies: Proxy[] = []

/** One proxy: its own connection, its own token, what a sidecar subscribes to by name; it acknowledges all of it. */
class Proxy {
  readonly #client: Client
  readonly #spec: ProxySpec
  readonly #metadata = new Metadata()
  readonly #names: Readonly<Record<ResourceType, readonly string[]>>
  readonly #missing: Set<string>
  readonly #onSynced: () => void

  constructor({ port, roots, serverName }: ClientsConfig, spec: ProxySpec, onSynced: () => void) {
    this.#client = new Client(`127.0.0.1:${port}`, credentials.createSsl(Buffer.from(roots)), {
      'grpc.ssl_target_name_override': serverName,
      // As between two pods: nobody shares a connection.
      'grpc.use_local_subchannel_pool': 1,
    })
    this.#spec = spec
    this.#onSynced = onSynced
    this.#metadata.set('authorization', `Bearer ${spec.token}`)
    const keys = spec.destinations.map(({ key }) => key)
    this.#names = {
      listener: [INBOUND, ...spec.destinations.map(({ address }) => outboundName(address, 80))],
      route: keys,
      cluster: [INBOUND, ...keys],
      endpoints: keys,
    }
    this.#missing = new Set(
      TYPES.flatMap((type) => this.#names[type].map((name) => `${TYPE_URL[type]} ${name}`)),
    )
    this.#open()
  }

  #open(): void {
    const read = (body: Buffer): Received => ({
      response: DeltaDiscoveryResponse.decode(body),
      bytes: body.length,
    })
    const call = this.#client.makeBidiStreamRequest(path, requestSerialize, read, this.#metadata)
    call.on('error', (error) => this.#failed(error as ServiceError))
    const send = (request: DeltaDiscoveryRequest): boolean => call.write(request)
    call.on('data', (received: Received) => this.#take(received, send))
    const { namespace, pod } = this.#spec
    const node = {
      id: `${pod}.${namespace}`,
      userAgentName: 'weft',
      metadata: {
        NAMESPACE: namespace,
        POD_NAME: pod,
        [NODE_TAKES]: [
          TAKES_OUTLIER_DETECTION,
          TAKES_RBAC,
          TAKES_JWT,
          TAKES_TRUST,
          TAKES_TELEMETRY,
          TAKES_OWNERS,
          TAKES_TAP,
        ].join(' '),
      },
    }
    for (const [at, type] of TYPES.entries()) {
      const first = at === 0 ? { node } : {}
      send({ ...first, typeUrl: TYPE_URL[type], resourceNamesSubscribe: this.#names[type] })
    }
  }

  /** As a sidecar does while nobody can check its token. */
  #failed({ code, message }: ServiceError): void {
    const { namespace, pod } = this.#spec
    if (code !== status.UNAVAILABLE || this.#missing.size === 0)
      return tell({ type: 'failed', message: `${namespace}/${pod}: ${message}` })
    tell({ type: 'again' })
    setTimeout(() => this.#open(), 500 + Math.random() * 500)
  }

  #take({ response, bytes }: Received, send: (request: DeltaDiscoveryRequest) => void): void {
    const at = monotonicMs()
    const { typeUrl = '', nonce = '', resources = [] } = response
    bytesSoFar += bytes
    send({ typeUrl, responseNonce: nonce })
    if (this.#missing.size === 0) {
      for (const { name = '', resource } of resources) {
        if (typeUrl === TYPE_URL.endpoints) tell({ type: 'changed', key: name, at, bytes })
        if (typeUrl !== TYPE_URL.listener || name !== INBOUND) continue
        const number = policyChange(resource?.value)
        if (number !== undefined) tell({ type: 'changed', key: policyKey(number), at, bytes })
      }
      return
    }
    for (const { name } of resources) this.#missing.delete(`${typeUrl} ${name}`)
    if (this.#missing.size === 0) this.#onSynced()
  }
}

/** Which change of the policy a listener holds; undefined: it has none of it. */
function policyChange(listener: Uint8Array | undefined): number | undefined {
  const text = Buffer.from(listener ?? []).toString('latin1')
  const from = text.indexOf(CHANGED_PATH)
  if (from < 0) return undefined
  return Number.parseInt(text.slice(from + CHANGED_PATH.length, from + CHANGED_PATH.length + 10), 10)
}

function tell(message: FromClients): void {
  process.send?.(message)
}

process.once('message', (config: ClientsConfig) => {
  let left = config.proxies.length
  for (const spec of config.proxies) {
    proxies.push(
      new Proxy(config, spec, () => {
        if (--left === 0) tell({ type: 'synced', bytes: bytesSoFar })
      }),
    )
  }
})
process.once('disconnect', () => process.exit(0))
