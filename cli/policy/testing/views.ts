import type { Matcher, Rule, Stage } from '../../../core/authorization/rules.ts'
import type {
  PortAuthorizationView,
  WorkloadAuthorizationView,
} from '../../../control-plane/authorization-view.ts'
import type { RuleSource } from '../../../control-plane/model/authorization.ts'

export const WEB = 'spiffe://cluster.local/ns/shop/sa/web'

const exact = (value: string) => ({ type: 'exact', value, ignoreCase: false }) as const

export const caller = (id: string): Matcher => ({ kind: 'identity', match: exact(id) })
export const method = (name: string): Matcher => ({ kind: 'method', match: exact(name) })
export const path = (value: string): Matcher => ({ kind: 'path', match: exact(value) })
export const all = (...of: readonly Matcher[]): Matcher => ({ kind: 'and', of })
export const ANY: Matcher = { kind: 'any' }

export function rule(name: string, principal: Matcher, permission: Matcher): Rule {
  return { name, principals: [principal], permissions: [permission] }
}

export function stage(action: Stage['action'], ...enforced: readonly Rule[]): Stage {
  return { action, enforced, shadow: undefined }
}

export function policy(name: string, over: Partial<RuleSource> = {}): RuleSource {
  return {
    namespace: 'payments',
    name,
    action: 'ALLOW',
    dryRun: false,
    level: 'namespace',
    target: '',
    unreadable: false,
    ...over,
  }
}

export function portView(over: Partial<PortAuthorizationView>): PortAuthorizationView {
  return {
    port: null,
    protocol: 'auto',
    mtls: { value: 'PERMISSIVE', from: '' },
    http: [],
    tcp: [],
    sources: [],
    decision: { value: 'Allow', from: '' },
    ...over,
  }
}

/** `payments/pay-1`: web may POST /charge at 8080; 5432 carries TCP and is for nobody; 9000 is not captured. */
export const PAY: WorkloadAuthorizationView = {
  trustDomain: 'cluster.local',
  namespace: 'payments',
  pod: 'pay-1',
  identity: 'spiffe://cluster.local/ns/payments/sa/pay',
  addresses: ['10.0.0.9'],
  paths: { normalize: true, escapedSlashes: 'guard', parameters: 'guard' },
  captured: { include: '*', exclude: [9000] },
  ports: [
    portView({
      port: 5432,
      protocol: 'opaque',
      mtls: { value: 'STRICT', from: 'PeerAuthentication payments/strict' },
      tcp: [stage('ALLOW')],
      sources: [policy('closed')],
    }),
    portView({
      port: 8080,
      protocol: 'http',
      http: [
        stage('DENY', rule('payments/no-admin/0', ANY, path('/admin'))),
        stage('ALLOW', rule('payments/pay/0', caller(WEB), all(method('POST'), path('/charge')))),
      ],
      sources: [
        policy('no-admin', { action: 'DENY', level: 'mesh' }),
        policy('pay', { level: 'Service', target: 'pay' }),
      ],
    }),
    portView({}),
  ],
  notCovered: [{ what: 'port 9000', why: 'weft.dev/exclude-inbound-ports' }],
}
