import t from 'tap'
import { BASE, ENVOY, GRPC, meshOf, service, slice, split } from './testing/mesh.ts'
import { SotwClient } from './testing/sotw-client.ts'

const ECHO = 'mesh/echo/80'

t.test('a gRPC client goes from the target to the endpoints', async (t) => {
  const { source, view } = meshOf(BASE, split(9, 1))
  const client = new SotwClient(view, GRPC)
  client.want('listener', ['echo.mesh:80', 'none.mesh:80'])
  t.match(client.inbox, [{ versionInfo: String(view().version), nonce: /./ }])
  t.strictSame(client.take(), ['listener: echo.mesh:80 none.mesh:80'], 'what is missing fails calls at once')
  client.want('route', [ECHO])
  t.strictSame(client.take(), [`route: ${ECHO}`])
  client.want('cluster', ['mesh/echo-v1/80'])
  t.strictSame(client.take(), ['cluster: mesh/echo-v1/80'])
  client.want('cluster', ['mesh/echo-v1/80', 'mesh/echo-v2/80'])
  t.strictSame(client.take(), ['cluster: mesh/echo-v1/80 mesh/echo-v2/80'], 'all clusters, every time')
  client.want('endpoints', ['mesh/echo-v1/80']).take()
  client.want('endpoints', ['mesh/echo-v1/80', 'mesh/echo-v2/80'])
  t.strictSame(client.take(), ['endpoints: mesh/echo-v2/80'], 'of endpoints, those that are new')
  t.equal(client.session.version, view().version)
  t.strictSame(client.take(), [], 'acknowledgements are not answered')

  source.put(split(5, 5))
  client.session.push()
  t.strictSame(client.take(), [`route: ${ECHO}`])
  source.put(slice('echo-v2', ['10.0.0.2', '10.1.1.1']))
  client.session.push()
  t.strictSame(client.take(), ['endpoints: mesh/echo-v2/80'])
})

t.test('who drops a name hears no more of it, and again when it comes back', async (t) => {
  const { source, view } = meshOf(BASE)
  const client = new SotwClient(view, GRPC)
  client.want('cluster', [ECHO, 'mesh/echo-v1/80']).want('route', [ECHO, 'mesh/echo-v1/80']).take()
  client.want('cluster', ['mesh/echo-v1/80']).want('route', ['mesh/echo-v1/80'])
  t.strictSame(client.take(), [])
  source.put(split(1, 1))
  client.session.push()
  t.strictSame(client.take(), [], 'a change elsewhere makes no answer')
  client.want('route', [ECHO, 'mesh/echo-v1/80'])
  t.strictSame(client.take(), [`route: ${ECHO}`])
  client.want('cluster', [])
  t.strictSame(client.take(), [], 'no names, once there were some, is no wildcard')
})

t.test('routes and endpoints that are missing are waited for', async (t) => {
  const { source, view } = meshOf(BASE)
  const client = new SotwClient(view, ENVOY)
  client.want('endpoints', ['mesh/late/80']).want('cluster', ['mesh/late/80']).want('route', ['mesh/late/80'])
  t.strictSame(client.take(), ['cluster:'])
  source.put(service('late', 1))
  client.session.push()
  t.strictSame(client.take(), ['cluster: mesh/late/80', 'endpoints: mesh/late/80', 'route: mesh/late/80'])
  source.apply([{ op: 'delete', kind: 'Service', key: 'mesh/late' }])
  client.session.push()
  t.strictSame(client.take(), ['cluster:'])
  client.session.push()
  t.strictSame(client.take(), [])
  source.put(service('late', 1))
  client.session.push()
  t.strictSame(client.take(), ['cluster: mesh/late/80', 'endpoints: mesh/late/80', 'route: mesh/late/80'])
})

t.test('a gRPC library, which would wait 15 s for a name, gets something for each', async (t) => {
  const { source, view } = meshOf(BASE)
  const client = new SotwClient(view, GRPC)
  const late = 'mesh/late/80'
  const all = ['listener: late.mesh:80', `cluster: ${late}`, `endpoints: ${late}`, `route: ${late}`].sort()
  client
    .want('listener', ['late.mesh:80'])
    .want('route', [late])
    .want('cluster', [late])
    .want('endpoints', [late])
  t.strictSame(client.take().sort(), all)
  client.session.push()
  t.strictSame(client.take(), [])
  source.put(service('late', 1))
  client.session.push()
  t.strictSame(client.take().sort(), all)
  source.apply([{ op: 'delete', kind: 'Service', key: 'mesh/late' }])
  client.session.push()
  t.strictSame(client.take().sort(), all)
  client.want('listener', ['inbound', 'grpc/server?xds.resource.listening_address=0.0.0.0:1'])
  t.strictSame(client.take(), ['listener:'], 'but not for those of sidecars and servers')
})

t.test(
  'wildcards: the legacy form lasts until a name is named, the explicit one until it is left out',
  async (t) => {
    const { source, view } = meshOf(BASE)
    const all = view().names('cluster', GRPC)
    const client = new SotwClient(view, GRPC)
    client.want('cluster', [])
    t.strictSame(client.take(), [`cluster: ${all.join(' ')}`])
    source.put(service('more', 1))
    client.session.push()
    t.equal(client.held.size, all.length, 'not taken yet')
    client.take()
    t.equal(client.held.size, all.length + 1)
    client.want('cluster', ['*', ECHO])
    t.equal(client.take().length, 1, 'a name that is newly asked for is answered')
    client.want('cluster', [ECHO])
    t.strictSame(client.take(), [])
    source.put(service('another', 2))
    client.session.push()
    t.strictSame(client.take(), [])
    client.want('cluster', [ECHO, '*'])
    t.equal(client.take().length, 1)
    t.equal(client.held.size, all.length + 2)
    client.want('cluster', [])
    t.strictSame(client.take(), [])
    source.put(service('third', 3))
    client.session.push()
    t.strictSame(client.take(), [], 'this was no wildcard')

    const empty = new SotwClient(meshOf('').view, GRPC)
    empty.want('listener', [])
    t.strictSame(empty.take(), ['listener:'], 'a wildcard of nothing is answered')
  },
)

t.test('stale nonces change nothing; one of an earlier stream opens this one', async (t) => {
  const { source, view } = meshOf(BASE)
  const client = new SotwClient(view, GRPC)
  client.want('route', [ECHO], 'of-an-earlier-stream')
  const [first] = client.inbox.splice(0)
  source.put(split(1, 1))
  client.session.push()
  const [second] = client.inbox.splice(0)
  client.want('route', ['mesh/echo-v1/80'], first?.nonce ?? '')
  t.strictSame(client.inbox, [])
  t.equal(client.session.version, 0)
  client.want('route', ['mesh/echo-v1/80'], second?.nonce ?? '')
  t.strictSame(client.take(), ['route: mesh/echo-v1/80'])
  t.equal(client.session.version, view().version)
})

t.test('a refusal is told of until something that was refused is taken', async (t) => {
  const { source, view } = meshOf(BASE)
  const client = new SotwClient(view, GRPC)
  client.want('route', [ECHO]).want('cluster', [ECHO]).take()
  const good = view().version
  source.put(split(1, 1))
  client.session.push()
  const [bad] = client.inbox.splice(0)
  client.answer(bad ?? {}, 'no\u0000good')
  t.equal(client.session.rejected, 'route: no good')
  t.strictSame(client.rejections, ['route: no good'])
  t.equal(client.session.version, good)
  client.want('route', [ECHO, 'mesh/echo-v1/80'], bad?.nonce ?? '').take()
  t.equal(client.session.rejected, 'route: no good', 'another name does not make up for it')
  client.want('cluster', [ECHO, 'mesh/echo-v1/80']).take()
  t.equal(client.session.rejected, 'route: no good', 'nor another type')
  source.put(split(1, 2))
  client.session.push()
  client.take()
  t.equal(client.session.rejected, '')
  t.equal(client.session.version, view().version)
})

t.test('a name that is asked for beside a wildcard is answered', async (t) => {
  const { view } = meshOf(BASE)
  const client = new SotwClient(view, GRPC)
  client.want('endpoints', ['*']).take()
  client.want('endpoints', ['*', ECHO])
  t.strictSame(client.take(), [`endpoints: ${ECHO}`])
})

t.test('Envoy gets the endpoints of a cluster that changed again', async (t) => {
  const { source, view } = meshOf(BASE)
  const client = new SotwClient(view, ENVOY)
  client.want('cluster', []).want('endpoints', [ECHO, 'mesh/echo-v1/80']).take()
  const h2c = '{ name: http, port: 80, targetPort: 8080, appProtocol: kubernetes.io/h2c }'
  source.put(service('echo', 1).replace('{ name: http, port: 80, targetPort: 8080 }', h2c))
  client.session.push()
  t.strictSame(client.take().slice(1), [`endpoints: ${ECHO}`])
})

t.test('changes come in the order clusters, endpoints, listeners, routes', async (t) => {
  const { source, view } = meshOf(BASE)
  const client = new SotwClient(view, GRPC)
  const order = ['cluster', 'endpoints', 'listener', 'route'] as const
  for (const type of order.toReversed()) client.want(type, ['*'])
  client.take()
  source.put(service('new', 1))
  client.session.push()
  t.strictSame(
    client.take().map((told) => told.replace(/:.*/, '')),
    [...order],
  )
})

t.test('requests that cannot be answered say so', async (t) => {
  const { view } = meshOf(BASE)
  const client = new SotwClient(view, GRPC)
  t.throws(() => client.handle({ typeUrl: 'type.googleapis.com/Thing' }), { message: /^type_url: .*Thing/ })
  t.throws(() => client.want('route', ['x'.repeat(1025)]), { message: /^resource_names: .*1025/ })
  const many = Array.from({ length: 50_001 }, (_, at) => `a/b/${at}`)
  t.throws(() => client.want('cluster', many), {
    exhausted: true,
    message: /^resource_names: more than 50000/,
  })
})
