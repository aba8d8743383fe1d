import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { freePorts } from '../core/testing/free-ports.ts'
import { controlPlaneOfManifests } from './control-plane/of-manifests.ts'
import { identityOf, serverBootstrap, type Path } from './pair/testing/bootstrap.ts'
import { EnvoyProcess, findEnvoy } from './pair/testing/envoy-process.ts'
import { portOf } from './pair/testing/pair.ts'
import { ProxyProcess } from './pair/testing/proxy-process.ts'

// A plain Envoy joins the mesh: routes, clusters and endpoints from the control plane, a mesh certificate of its own,
// and a Weft proxy before the pod that it calls.

const { binary, skip } = findEnvoy()
const EXTENSIONS = 'type.googleapis.com/envoy.extensions'
const address = (port: number) => ({ socket_address: { address: '127.0.0.1', port_value: port } })
const ads = { ads: {}, resource_api_version: 'V3' }

/** A pod with a sidecar and its Services; on `port` its sidecar takes connections. */
const manifests = (port: number) => `apiVersion: v1
kind: Pod
metadata: { name: server-1, namespace: shop, annotations: { weft.dev/status: '{}' } }
spec:
  serviceAccountName: server
  initContainers: [{ name: weft-init }, { name: weft-proxy, restartPolicy: Always }]
  containers: [{ name: app, ports: [{ containerPort: ${port} }] }]
status: { podIP: 127.0.0.1 }
---
apiVersion: v1
kind: Service
metadata: { name: web, namespace: shop }
spec: { clusterIP: 10.96.0.9, ports: [{ name: web, port: 80, targetPort: ${port}, appProtocol: http }, { name: any, port: 81 }, { name: rpc, port: 82, appProtocol: grpc }, { name: db, port: 5432 }] }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: web-1, namespace: shop, labels: { kubernetes.io/service-name: web } }
addressType: IPv4
ports: [{ name: web, port: ${port} }]
endpoints: [{ addresses: [127.0.0.1], targetRef: { kind: Pod, name: server-1 } }]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: gone, namespace: shop }
spec:
  parentRefs: [{ group: '', kind: Service, name: web, port: 80 }]
  rules:
    - matches: [{ path: { type: PathPrefix, value: /old } }]
      filters: [{ type: RequestRedirect, requestRedirect: { statusCode: 301, path: { type: ReplacePrefixMatch, replacePrefixMatch: /new } } }]
    - backendRefs: [{ name: web, port: 80 }]
---
apiVersion: gateway.networking.k8s.io/v1
kind: TCPRoute
metadata: { name: split, namespace: shop }
spec:
  parentRefs: [{ group: '', kind: Service, name: web, port: 5432 }]
  rules: [{ backendRefs: [{ name: web, port: 5432, weight: 3 }, { name: gone, port: 1 }, { name: web, port: 81, weight: 0 }] }]
---
apiVersion: gateway.networking.k8s.io/v1
kind: TLSRoute
metadata: { name: named, namespace: shop }
spec:
  parentRefs: [{ group: '', kind: Service, name: web, port: 81 }]
  hostnames: [a.example, '*.b.example', a.example]
  rules: [{ backendRefs: [{ name: web, port: 81 }] }]
---
apiVersion: gateway.networking.k8s.io/v1
kind: TLSRoute
metadata: { name: named-too, namespace: shop }
spec:
  parentRefs: [{ group: '', kind: Service, name: web, port: 81 }]
  hostnames: ['*.b.example', c.example]
  rules: [{ backendRefs: [{ name: gone, port: 1 }] }]
`

function envoyBootstrap(api: string, control: number, front: number, admin: number) {
  const identity = identityOf('caller')
  return {
    node: { id: 'client-1.shop', cluster: 'shop', metadata: { NAMESPACE: 'shop' } },
    admin: { address: address(admin) },
    dynamic_resources: {
      ads_config: {
        api_type: api,
        transport_api_version: 'V3',
        grpc_services: [{ envoy_grpc: { cluster_name: 'control-plane' } }],
      },
      cds_config: ads,
      lds_config: ads,
    },
    static_resources: {
      secrets: [
        {
          name: 'default',
          tls_certificate: {
            certificate_chain: { inline_string: identity.certificatePem },
            private_key: { inline_string: identity.privateKeyPem },
          },
        },
        { name: 'ROOTCA', validation_context: { trusted_ca: { inline_string: identity.bundlePem } } },
      ],
      listeners: [
        {
          name: 'front',
          address: address(front),
          filter_chains: [
            {
              filters: [
                {
                  name: 'envoy.filters.network.http_connection_manager',
                  typed_config: {
                    '@type': `${EXTENSIONS}.filters.network.http_connection_manager.v3.HttpConnectionManager`,
                    stat_prefix: 'front',
                    rds: { config_source: ads, route_config_name: 'shop/web/80' },
                    http_filters: [
                      {
                        name: 'envoy.filters.http.router',
                        typed_config: { '@type': `${EXTENSIONS}.filters.http.router.v3.Router` },
                      },
                    ],
                  },
                },
              ],
            },
          ],
        },
      ],
      clusters: [
        {
          name: 'control-plane',
          type: 'STATIC',
          connect_timeout: '5s',
          typed_extension_protocol_options: {
            'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
              '@type': `${EXTENSIONS}.upstreams.http.v3.HttpProtocolOptions`,
              explicit_http_config: { http2_protocol_options: {} },
            },
          },
          load_assignment: {
            cluster_name: 'control-plane',
            endpoints: [{ lb_endpoints: [{ endpoint: { address: address(control) } }] }],
          },
        },
      ],
    },
  }
}

for (const api of ['DELTA_GRPC', 'GRPC']) {
  t.test(`by ${api}`, { skip }, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'weft-envoy-xds-'))
    t.teardown(() => rmSync(folder, { recursive: true, force: true }))
    const app = createServer((message, response) => {
      response.end(`${message.url} ${String(message.headers['x-forwarded-client-cert'])}`)
    })
    await once(app.listen(0, '127.0.0.1'), 'listening')
    t.teardown(() => {
      app.closeAllConnections()
      app.close()
    })
    const [inner = 0, front = 0, admin = 0, weftAdmin = 0] = await freePorts(4)
    const path: Path = {
      name: 'web',
      kind: 'http',
      app: portOf(app),
      appProtocol: 'http1',
      alpn: ['weft-h2', 'h2', 'http/1.1'],
      demands: { ofCaller: 'caller' },
    }
    const ports = new Map([['web', { front: 0, inner, link: inner }]])
    const weft = await ProxyProcess.start('server', folder, serverBootstrap([path], ports), weftAdmin)
    t.teardown(() => weft.stop())
    const { plaintextPort: control = 0 } = await controlPlaneOfManifests(t, folder)
    writeFileSync(join(folder, 'manifests', 'shop.yaml'), manifests(inner))
    const envoy = await EnvoyProcess.start(
      binary,
      'envoy',
      folder,
      envoyBootstrap(api, control, front, admin),
    )
    t.teardown(() => envoy.stop())

    const ask = async (path: string) => {
      const response = await fetch(`http://127.0.0.1:${front}${path}`, { redirect: 'manual' })
      return {
        status: response.status,
        body: await response.text(),
        location: response.headers.get('location'),
      }
    }
    const answer = await ask('/x')
    t.match(answer, { status: 200, body: /^\/x .*URI=spiffe:\/\/cluster.local\/ns\/shop\/sa\/caller/ })
    t.match(await ask('/old/shoe'), { status: 301, location: /\/new\/shoe$/ })

    const stats = (
      await (await fetch(`http://127.0.0.1:${admin}/stats?filter=update_rejected`)).text()
    ).trim()
    t.match(stats, /lds/)
    for (const line of stats.split('\n')) t.match(line, /: 0$/, 'no resource was refused')
  })
}
