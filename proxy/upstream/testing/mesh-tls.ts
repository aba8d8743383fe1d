import type { UpstreamTls } from '../../model/tls.ts'

/** SPIFFE ID of a service account of namespace `shop`. */
export function identityOf(serviceAccount: string): string {
  return `spiffe://cluster.local/ns/shop/sa/${serviceAccount}`
}

/** TLS of the mesh towards these service accounts; none: towards everyone in it. */
export function meshTls(serviceAccounts: readonly string[], change: Partial<UpstreamTls> = {}): UpstreamTls {
  return {
    certificate: { kind: 'sds', name: 'default' },
    validation: {
      roots: { kind: 'sds', name: 'ROOTCA' },
      subjectAltNames: serviceAccounts.map((account) => ({
        type: 'uri',
        match: 'exact',
        value: identityOf(account),
      })),
    },
    sni: '',
    alpn: ['weft-h2', 'http/1.1'],
    ...change,
  }
}
