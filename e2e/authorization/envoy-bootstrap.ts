import type { WorkloadSecrets } from '../../proxy/transport/tls-contexts.ts'

/** An Envoy whose listeners come from a file, which may hold them as they are; `application` is the port behind it, on loopback. */
export function bootstrap(listeners: string, identity: WorkloadSecrets, application: number) {
  const endpoint = { address: { socket_address: { address: '127.0.0.1', port_value: application } } }
  return {
    node: { id: 'pods', cluster: 'pods' },
    dynamic_resources: {
      lds_config: { resource_api_version: 'V3', path_config_source: { path: listeners } },
    },
    static_resources: {
      listeners: [],
      clusters: [
        {
          name: 'inbound',
          type: 'STATIC',
          load_assignment: { cluster_name: 'inbound', endpoints: [{ lb_endpoints: [{ endpoint }] }] },
        },
      ],
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
    },
  }
}
