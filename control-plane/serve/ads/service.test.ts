import { EventEmitter } from 'node:events'
import { Metadata } from '@grpc/grpc-js'
import t from 'tap'
import { createLogger } from '../../../core/log.ts'
import { Watched } from '../../../core/watched.ts'
import type { DeltaDiscoveryRequest, DeltaDiscoveryResponse } from '../../../core/xds/generated/envoy.js'
import { CLUSTER } from '../../../core/xds/type-urls.ts'
import { admit } from '../admission/admitted.ts'
import { discoveryService } from './service.ts'
import { BASE, meshOf } from './testing/mesh.ts'

/** A stream whose client reads at once. */
class FakeCall extends EventEmitter {
  readonly metadata = new Metadata()
  readonly responses: DeltaDiscoveryResponse[] = []

  write(response: DeltaDiscoveryResponse, sent: () => void): void {
    this.responses.push(response)
    sent()
  }

  pause(): void {}
  resume(): void {}
  end(): void {}

  request(request: DeltaDiscoveryRequest): void {
    this.emit('data', request)
  }
}

function setUp() {
  const lines: string[] = []
  const log = createLogger('test', 'info', (line) => lines.push(line))
  const discovery = discoveryService({ snapshot: new Watched(meshOf(BASE).view()), log })
  const serve = discovery.implementation['deltaAggregatedResources'] as unknown as (call: FakeCall) => void
  const open = (): FakeCall => {
    const call = new FakeCall()
    admit(call.metadata, { namespace: 'mesh', serviceAccount: 'web', pod: { name: 'client', uid: 'u' } })
    serve(call)
    return call
  }
  return { lines, discovery, open }
}

t.test('a client that refuses for ever, with long reasons, fills neither log nor memory', async (t) => {
  const { lines, discovery, open } = setUp()
  const call = open()
  t.teardown(() => discovery.close(0))
  call.request({ typeUrl: CLUSTER, resourceNamesSubscribe: ['mesh/echo/80'] })
  for (let count = 0; count < 500; count++) {
    const { nonce = '' } = call.responses.at(-1) ?? {}
    const errorDetail = { code: 3, message: `${count} ${'x'.repeat(100_000)}` }
    call.request({
      typeUrl: CLUSTER,
      responseNonce: nonce,
      errorDetail,
      resourceNamesSubscribe: ['mesh/echo/80'],
    })
  }
  t.equal(call.responses.length, 501)
  t.ok(lines.length > 0 && lines.length < 100, 'a line a second at most, and how many more')
  t.equal(discovery.proxies()[0]?.rejected.length, 'cluster: '.length + 500)
})

t.test('what a node says of itself is short', async (t) => {
  const { discovery, open } = setUp()
  t.teardown(() => discovery.close(0))
  const long = 'x'.repeat(1024 * 1024)
  open().request({
    node: { id: long, metadata: { NODEJS_VERSION: long, POD_NAME: long, NAMESPACE: long } },
    typeUrl: CLUSTER,
  })
  t.ok(JSON.stringify(discovery.proxies()).length < 2000)
})

t.test('names count for what they are to look up', async (t) => {
  const { weigh } = setUp().discovery
  t.equal(weigh({}), 0)
  t.equal(weigh({ resourceNames: ['a', 'b'] }), 512)
  t.equal(
    weigh({
      resourceNamesSubscribe: ['a'],
      resourceNamesUnsubscribe: ['b'],
      initialResourceVersions: { c: '1' },
    }),
    768,
  )
})
