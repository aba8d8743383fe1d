import type { Injections } from '../../../core/api/injections.ts'
import type { ServiceConfiguration, ServiceEndpoints } from '../../../core/api/service.ts'
import type { Sidecars } from '../../../core/api/sidecars.ts'
import { WHOLE } from './graph.ts'

const HOUR = 3_600_000

export function sidecars(now: number, count: number): Sidecars {
  return {
    coverage: WHOLE,
    now,
    sidecars: Array.from({ length: count }, (_, i) => ({
      namespace: 'shop',
      pod: `service-${String(i).padStart(4, '0')}-6f9c4d`,
      service: ['web', 'catalog', 'inventory'][i % 3] ?? '',
      serviceAccount: 'default',
      connectedAt: i === 5 ? null : now - 600_000 - i,
      runtime: '26.12.1',
      version: i === 3 ? 40 : 42,
      behind: i === 3 ? 2 : 0,
      rejected:
        i === 1 ? 'shop/catalog/8080: circuit_breakers.thresholds[0].track_remaining: is not served' : '',
      reportedAt: i === 5 ? null : now - 4000,
      certificateEndsAt: i === 5 ? null : i === 2 ? now - 90_000 : now + HOUR * (2 + (i % 20)),
      rootEndsAt: i === 5 ? null : now + 300 * 24 * HOUR,
      configChangedAt: i === 5 ? null : now - 1000 * (40 + i),
    })),
  }
}

export function endpoints(now: number, caller = 'web.shop'): ServiceEndpoints {
  const address = (i: number): string => `10.244.0.${10 + i}:8080`
  return {
    coverage: WHOLE,
    now,
    asked: [{ pod: 'shop/web-6f9c4d-x2b1q', caller }],
    unanswered: [{ pod: 'shop/cart-1', reason: 'it has gone' }],
    callers: 5,
    endpoints: [1, 2, 3, 4].map((i) => ({
      address: address(i),
      protocol: 'http',
      workload: `catalog-v${i}-6f9c4d.shop`,
      zone: i === 1 ? 'eu-1a' : 'eu-1b',
      node: `node-${i}`,
      health: i === 3 ? 'draining' : 'healthy',
      meshed: i !== 2,
      identity: i === 2 ? '' : 'spiffe://cluster.local/ns/shop/sa/catalog',
      active: i === 3 ? null : i * 2,
      latencyMs: i === 3 ? null : 3.2 * i,
      ejections:
        i === 4
          ? [1, 2].map((n) => ({
              cluster: 'shop/catalog/8080',
              endpoint: address(i),
              workload: `catalog-v${i}-6f9c4d.shop`,
              pod: `shop/web-${n}`,
              caller: n === 1 ? caller : 'checkout.shop',
              reason: 'consecutive-errors',
              until: now + 23_000,
              since: now - 7000,
            }))
          : [],
      certificateEndsAt: i === 2 ? null : now + HOUR * i * 4,
    })),
  }
}

export function configuration(note = ''): ServiceConfiguration {
  return {
    words: [
      'Port 8080 at 10.96.0.7 carries http; 3 of 4 known endpoints take requests.',
      '/beta* x-user=tester goes 100 % to catalog-v2.shop (HTTPRoute/shop/catalog/0).',
      '/* goes 90 % to catalog-v1.shop, 10 % to catalog-v2.shop (HTTPRoute/shop/catalog/1).',
      'Hedging: after 50 ms, maximum 1.',
      'What no policy says of its requests is the default.',
      `No policy restricts who may call it.${note}`,
    ],
    objects: [
      {
        kind: 'Service',
        namespace: 'shop',
        name: 'catalog',
        yaml: `apiVersion: v1\nkind: Service\nmetadata:\n  name: catalog\n  namespace: shop\n  annotations:\n    note: '${note}'\nspec:\n  ports:\n    - port: 8080\n`,
        problem: '',
      },
      {
        kind: 'TrafficPolicy',
        namespace: 'shop',
        name: 'gone',
        yaml: '',
        problem: 'it is not there any more',
      },
    ],
  }
}

export function injections(text = ''): Injections {
  return {
    counts: [
      { reason: 'injected', injected: true, pods: 11 },
      { reason: 'missed', injected: false, pods: 1 },
      { reason: 'host-network', injected: false, pods: 1 },
    ],
    without: [
      {
        namespace: 'shop',
        pod: 'legacy-1',
        reason: 'missed',
        text: `It should have a sidecar and has none.${text}`,
        remedy: 'Make it anew (kubectl rollout restart).',
      },
      {
        namespace: 'shop',
        pod: 'agent-1',
        reason: 'host-network',
        text: 'It is on its node’s network (hostNetwork).',
        remedy: '',
      },
    ],
    more: 0,
  }
}
