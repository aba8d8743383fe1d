/** A bootstrap with one listener and one cluster, to be made wrong in one place. Two spaces an indentation. */
export const MINIMAL = `admin:
  address: { socket_address: { address: 127.0.0.1, port_value: 15000 } }
static_resources:
  listeners:
    - name: front
      address: { socket_address: { address: 127.0.0.1, port_value: 8080 } }
      filter_chains:
        - filters:
            - name: hcm
              typed_config:
                '@type': type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: front
                route_config:
                  virtual_hosts:
                    - name: all
                      domains: ['*']
                      routes:
                        - match: { prefix: / }
                          route: { cluster: app, timeout: 2s }
                http_filters:
                  - name: router
                    typed_config:
                      '@type': type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
  clusters:
    - name: app
      connect_timeout: 0.25s
      lb_policy: LEAST_REQUEST
      load_assignment:
        cluster_name: app
        endpoints:
          - lb_endpoints:
              - endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: 9000 } } }
`

/** MINIMAL with one text in place of another that is in it once. Throws if it is not. */
export function changed(from: string, to: string): string {
  const parts = MINIMAL.split(from)
  if (parts.length !== 2) throw new Error(`"${from}" is ${parts.length - 1} times in MINIMAL`)
  return parts.join(to)
}
