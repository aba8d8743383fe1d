import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { Test } from 'tap'
import { portOf } from './pair.ts'
import { dial } from './raw-http.ts'

// What the file of a proxy that runs alone is made of, and who calls it and is called by it.

export const TYPE = 'type.googleapis.com/envoy.extensions'
const address = (port_value: number) => ({ socket_address: { address: '127.0.0.1', port_value } })

/** A server on this machine. */
export interface Backend {
  readonly port: number
  readonly weight?: number
}

/** Of servers on this machine. `more`: its other fields. */
export function cluster(name: string, backends: readonly Backend[], more: object = {}) {
  const lb_endpoints = backends.map(({ port, weight }) => ({
    endpoint: { address: address(port) },
    ...(weight === undefined ? {} : { load_balancing_weight: weight }),
  }))
  return {
    name,
    type: 'STATIC',
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints }] },
    ...more,
  }
}

export const manager = (routes: readonly object[]) => ({
  name: 'envoy.filters.network.http_connection_manager',
  typed_config: {
    '@type': `${TYPE}.filters.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: 'web',
    route_config: { name: 'web', virtual_hosts: [{ name: 'all', domains: ['*'], routes }] },
    http_filters: [
      {
        name: 'envoy.filters.http.router',
        typed_config: { '@type': `${TYPE}.filters.http.router.v3.Router` },
      },
    ],
  },
})
export const opaque = (to: string) => ({
  name: 'envoy.filters.network.tcp_proxy',
  typed_config: {
    '@type': `${TYPE}.filters.network.tcp_proxy.v3.TcpProxy`,
    stat_prefix: to,
    cluster: to,
  },
})
export const listener = (name: string, port: number, filter: object) => ({
  name,
  traffic_direction: 'OUTBOUND',
  address: address(port),
  filter_chains: [{ filters: [filter] }],
})

/** Answers until the test is over; its port. */
export async function application(t: Test, answer: RequestListener): Promise<number> {
  const app = createServer(answer)
  await once(app.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => {
    app.close()
    app.closeAllConnections()
  })
  return portOf(app)
}

/** All that came back for a GET. */
export const ask = async (port: number, path: string, fields = ''): Promise<string> => {
  const client = await dial(port)
  client.write(`GET ${path} HTTP/1.1\r\nhost: a.test\r\nconnection: close\r\n${fields}\r\n`)
  const all = await client.untilEnd()
  client.end()
  return all
}
