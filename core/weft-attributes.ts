// What OpenTelemetry's conventions have no name for, in spans and log records: the convention for meshes that does not exist
// yet. docs/observability.md has the table of it.

interface MeshAttribute {
  readonly type: 'string' | 'int'
  readonly what: string
  readonly example: string
}

export const WEFT_ATTRIBUTES = {
  'weft.route': {
    type: 'string',
    what: 'The rule that the request matched: kind, namespace and name of its route, and the number of the rule.',
    example: 'HTTPRoute/shop/catalog/0',
  },
  'weft.backend': {
    type: 'string',
    what: 'The backend that was chosen, a cluster of the configuration.',
    example: 'shop/catalog-v2/8080',
  },
  'weft.endpoint': {
    type: 'string',
    what: 'Address and port of the endpoint that answered, or was tried last.',
    example: '10.244.1.7:8080',
  },
  'weft.upstream_workload': {
    type: 'string',
    what: 'The pod of that endpoint, and its namespace.',
    example: 'catalog-v2-5d9.shop',
  },
  'weft.peer.identity': {
    type: 'string',
    what: 'SPIFFE ID that the other side has proved: of a client span who answered, of a server span who called.',
    example: 'spiffe://cluster.local/ns/shop/sa/catalog',
  },
  'weft.source_identity': {
    type: 'string',
    what: 'SPIFFE ID of the caller.',
    example: 'spiffe://cluster.local/ns/shop/sa/web',
  },
  'weft.destination_identity': {
    type: 'string',
    what: 'SPIFFE ID of who was called.',
    example: 'spiffe://cluster.local/ns/shop/sa/catalog',
  },
  'weft.response_flags': {
    type: 'string',
    what: 'Why it failed or what was done to it, in a comma list (see Response flags); `-`: nothing.',
    example: 'URX,UF',
  },
  'weft.details': {
    type: 'string',
    what: "The same in words, those of Envoy's response code details.",
    example: 'via_upstream',
  },
  'weft.config_version': {
    type: 'string',
    what: 'Version of the configuration by which the sidecar decided.',
    example: '42',
  },
  'weft.request_id': {
    type: 'string',
    what: 'The field x-request-id, which is one through all hops that pass it on.',
    example: '4b9f0c1e-7c1d-4d0e-9a55-0d6f2f9d8a11',
  },
  'weft.try': {
    type: 'string',
    what: 'Of the span of one try among several: `first`, `retry`, `replay` (sent again as its connection had ended), `hedge`; `mirror`: a copy.',
    example: 'retry',
  },
  'weft.kept': {
    type: 'string',
    what: 'Its trace was not sampled, and this span is told all the same: `error`, or `slow`.',
    example: 'error',
  },
  'weft.policy': {
    type: 'string',
    what: 'The rule of authorization that decided; `none`: no rule allowed it.',
    example: 'payments/pay/0',
  },
  'weft.policy.decision': {
    type: 'string',
    what: '`allowed`, `audited`, `dry-run-denied` or `denied`.',
    example: 'denied',
  },
  'weft.policy.reference': {
    type: 'string',
    what: 'What the caller of a refused request was told.',
    example: '4bf92f3577b34da6a3ce929d0e0e4736',
  },
} as const satisfies Record<string, MeshAttribute>

export type WeftAttribute = keyof typeof WEFT_ATTRIBUTES
