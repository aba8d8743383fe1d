import t from 'tap'
import { migrateTexts } from '../../cli/migrate/migrate-texts.ts'
import { yamlOf } from '../../cli/migrate/print.ts'
import { createMesh } from '../../control-plane/mesh.ts'
import { MemorySource } from '../../control-plane/registry/memory-source.ts'
import { SIDECAR } from '../../control-plane/xds/client-takes.ts'
import { silentLogger } from '../../core/log.ts'
import type { RouteConfiguration } from '../../proxy/model/route.ts'
import { findRoute } from '../../proxy/route/match.ts'
import { decodeResource } from '../../proxy/xds/decode.ts'

// Where requests go by a VirtualService, as Istio documents it, and where they go by what weft migrate makes of it: through the
// control plane's translation and its bytes of xDS to the proxy's decoder and matcher.

const SERVICES = ['web', 'v1', 'v2', 'v3']
const services = SERVICES.map(
  (name, at) =>
    `apiVersion: v1\nkind: Service\nmetadata: { name: ${name}, namespace: shop }\n` +
    `spec: { clusterIP: 10.96.0.${at + 1}, selector: { app: ${name} }, ports: [{ name: http, port: 80 }] }\n`,
)
const to = (name: string): string => `route: [{ destination: { host: ${name} } }]`

interface Asked {
  readonly method?: string
  readonly authority?: string
  readonly fields?: readonly string[]
  /** Namespace. */
  readonly from?: string
}

/** Gives the Service that a request goes to, `none` without a route, and the status of a redirect. */
function meshOf(http: string): (path: string, asked?: Asked) => string {
  const rules =
    'apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: { name: web, namespace: shop }\n' +
    `spec: { hosts: [web], http: ${http} }\n`
  const texts = [...services, rules].map((text) => ({ origin: 'in.yaml', text }))
  const yaml = yamlOf(migrateTexts('istio', texts, 'default').migrated)
  const mesh = createMesh({
    source: MemorySource.of(...services, yaml),
    trustDomain: 'cluster.local',
    log: silentLogger,
  })
  const view = mesh.snapshot.value
  mesh.close()
  return (path, { method = 'GET', authority = 'web', fields = [], from = 'shop' } = {}) => {
    const client = { namespace: from, pod: 'client', takes: SIDECAR }
    const name = from === 'shop' ? 'shop/web/80' : `shop/web/80@${from}`
    const resource = view.resource('route', name, client) ?? view.resource('route', 'shop/web/80', client)
    if (!resource) throw new Error('there are no routes')
    const decoded = decodeResource('route', { typeUrl: resource.typeUrl, value: resource.body })
    if (!decoded.ok) throw new Error(decoded.problems.join('; '))
    const configuration: RouteConfiguration = decoded.value
    const head = { method, scheme: 'http', authority, path, fields: [...fields], upgrade: '' }
    const route = findRoute(configuration, head)
    if (!route) return 'none'
    if (route.action.kind !== 'forward') return route.action.kind
    return route.action.clusters.map(({ cluster }) => cluster.split('/')[1]).join(',')
  }
}

t.test('requests go where they went', async (t) => {
  const cases: readonly (readonly [string, readonly (readonly [string, Asked, string])[]])[] = [
    [
      `[{ match: [{ uri: { exact: /a } }], ${to('v1')} }, { match: [{ uri: { prefix: /b/ } }], ${to('v2')} }]`,
      [
        ['/a', {}, 'v1'],
        ['/a?x=1', {}, 'v1'],
        ['/a/', {}, 'none'],
        ['/b/c', {}, 'v2'],
        ['/', {}, 'none'],
      ],
    ],
    [
      `[{ match: [{ headers: { X-User: { exact: beta }, x-any: {} } }], ${to('v2')} }, { ${to('v1')} }]`,
      [
        ['/', { fields: ['x-user', 'beta', 'x-any', ''] }, 'v2'],
        ['/', { fields: ['x-user', 'beta'] }, 'v1'],
        ['/', { fields: ['x-user', 'BETA', 'x-any', '1'] }, 'v1'],
      ],
    ],
    [
      `[{ match: [{ headers: { x-user: { prefix: 'a.' } } }, { queryParams: { v: { regex: '[0-9]+' } } }], ${to('v2')} }, { ${to('v1')} }]`,
      [
        ['/', { fields: ['x-user', 'a.b'] }, 'v2'],
        ['/', { fields: ['x-user', 'ab'] }, 'v1'],
        ['/?v=12', {}, 'v2'],
        ['/?v=12a', {}, 'v1'],
      ],
    ],
    [
      `[{ match: [{ uri: { prefix: /Api }, ignoreUriCase: true, method: { regex: 'PUT|POST' } }], ${to('v2')} }, { ${to('v1')} }]`,
      [
        ['/aPI/x', { method: 'POST' }, 'v2'],
        ['/apix', { method: 'PUT' }, 'v2'],
        ['/api', { method: 'GET' }, 'v1'],
      ],
    ],
    [
      `[{ match: [{ authority: { exact: beta.example } }], ${to('v2')} }, { match: [{ uri: { regex: '/[a-c]+' } }], redirect: { uri: /x } }, { ${to('v1')} }]`,
      [
        ['/', { authority: 'beta.example' }, 'v2'],
        ['/abc', {}, 'redirect'],
        ['/abcd', {}, 'v1'],
      ],
    ],
    [
      `[{ match: [{ sourceNamespace: testing, uri: { prefix: /t } }], ${to('v3')} }, { match: [{ port: 80, uri: { exact: /p } }], ${to('v2')} }, { ${to('v1')} }]`,
      [
        ['/t', { from: 'testing' }, 'v3'],
        ['/t', {}, 'v1'],
        ['/p', { from: 'testing' }, 'v2'],
        ['/p', {}, 'v2'],
        ['/', { from: 'testing' }, 'v1'],
      ],
    ],
    [
      `[{ match: [{ uri: { exact: /f } }], fault: { delay: { fixedDelay: 1s, percentage: { value: 1 } } }, ${to('v2')} }, { ${to('v1')} }]`,
      [
        ['/f', {}, 'v2'],
        ['/g', {}, 'v1'],
      ],
    ],
    // What can't be said is for fewer requests than it was, never for more.
    [
      `[{ match: [{ sourceLabels: { app: a } }], ${to('v3')} }, { match: [{ uri: { exact: /a }, withoutHeaders: { a: {} } }], ${to('v2')} }, { ${to('v1')} }]`,
      [
        ['/', {}, 'v1'],
        ['/a', {}, 'v1'],
      ],
    ],
  ]
  for (const [http, requests] of cases) {
    const mesh = meshOf(http)
    for (const [path, asked, expected] of requests)
      t.equal(mesh(path, asked), expected, `${http}: ${path} ${JSON.stringify(asked)}`)
  }
})
