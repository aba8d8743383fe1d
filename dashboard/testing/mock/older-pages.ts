import type { Checks } from '../../../core/api/checks.ts'
import { WHOLE } from './graph.ts'

export function meshFacts(
  now: number,
  proxies: number,
  may: { act: boolean; tap: boolean; headers: boolean },
): object {
  return {
    release: '0.1.0',
    startedAt: now - 3 * 3600_000,
    version: 42,
    trustDomain: 'cluster.local',
    issuer: { title: 'Secret weft-system/weft-ca', trouble: null },
    services: 9,
    proxies: { connected: proxies, expected: proxies, rejecting: 1 },
    problems: { errors: 1, warnings: 1 },
    telemetry: { traces: 60, traceBytes: 1, series: 40, refused: 0 },
    may,
  }
}

export const ROUTES = {
  windowSeconds: 10,
  routes: [
    {
      name: 'HTTPRoute/shop/catalog/0',
      parent: 'shop/catalog/8080',
      consumer: '',
      matches: ['/beta* x-user=tester'],
      action: 'forward',
      rate: 0,
      backends: [
        {
          cluster: 'shop/catalog-v2/8080',
          weight: 1,
          percent: 100,
          observedPercent: null,
          rate: 0,
          successRate: null,
          p95Ms: null,
        },
      ],
    },
    {
      name: 'HTTPRoute/shop/catalog/1',
      parent: 'shop/catalog/8080',
      consumer: '',
      matches: ['/*'],
      action: 'forward',
      rate: 17.6,
      backends: [
        {
          cluster: 'shop/catalog-v1/8080',
          weight: 90,
          percent: 90,
          observedPercent: 89.8,
          rate: 15.8,
          successRate: 0.9982,
          p95Ms: 7.7,
        },
        {
          cluster: 'shop/catalog-v2/8080',
          weight: 10,
          percent: 10,
          observedPercent: 10.2,
          rate: 1.8,
          successRate: 0.994,
          p95Ms: 13.9,
        },
      ],
    },
  ],
}

export function canary(change: Readonly<Record<string, unknown>> = {}): object {
  return {
    namespace: 'shop',
    name: 'catalog',
    route: 'HTTPRoute/catalog',
    stable: 'catalog-v1:8080',
    canary: 'catalog-v2:8080',
    phase: 'Progressing',
    reason: 'Evidence',
    message: 'is at 10 % of requests; 412 more requests are needed',
    weight: 10,
    revision: 'r2',
    step: 1,
    steps: ['1 % of requests', '10 % of requests', '50 % of requests', '100 % of requests'],
    evidence: {
      stable: { requests: 14_220, failed: 25, latencyMs: 7.7 },
      canary: { requests: 1588, failed: 9, latencyMs: 13.9 },
      needed: 412,
      doubt: 0.31,
    },
    history: [
      { at: '2026-06-01T09:12:00.000Z', message: 'began with revision r2' },
      { at: '2026-06-01T09:20:00.000Z', message: 'went on to 10 % of requests' },
    ],
    ...change,
  }
}

export const CHECKS: Checks = {
  coverage: WHOLE,
  checks: [
    {
      code: 'WEFT0104',
      severity: 'warning',
      kind: 'Service',
      namespace: 'shop',
      name: 'archive',
      field: 'spec.selector',
      message: 'selects no pod',
      effect: 'Requests to it are answered with 503.',
      remedy: 'Give it the labels of the pods that serve it, or delete it.',
      file: null,
      line: null,
      column: null,
    },
    {
      code: 'WEFT0101',
      severity: 'error',
      kind: 'HTTPRoute',
      namespace: 'shop',
      name: 'catalog',
      field: 'spec.rules[0].name',
      message: 'must be text, got 1',
      effect: 'What was read of it last stays in force.',
      remedy: 'Write "1", in quotes.',
      file: '/manifests/shop.yaml',
      line: 14,
      column: 7,
    },
  ],
}

export function denials(now: number, path = '/charge'): object {
  const refusal = (i: number, change: object): object => ({
    reference: `${i}`.padStart(32, 'a'),
    time: now - 1000 * (10 * i + 1),
    dryRun: false,
    protocol: 'http',
    from: { identity: 'spiffe://cluster.local/ns/shop/sa/web', address: '10.244.0.9' },
    to: { namespace: 'payments', pod: `pay-${i}`, service: 'pay', port: 8080 },
    method: 'POST',
    path,
    sni: '',
    rule: 'payments/pay/0',
    ...change,
  })
  return {
    windowSeconds: 300,
    denials: [
      { count: 17, last: refusal(1, {}) },
      {
        count: 1,
        last: refusal(2, { from: { identity: '', address: '10.244.0.66' }, path: '/admin', rule: 'none' }),
      },
      { count: 1, last: refusal(3, { dryRun: true, protocol: 'tcp', method: '', path: '', sni: 'db' }) },
    ],
  }
}

export const POLICIES = {
  policies: [
    {
      kind: 'TrafficPolicy',
      namespace: 'shop',
      name: 'catalog-timeouts',
      targets: [
        {
          kind: 'Service',
          namespace: 'shop',
          name: 'catalog',
          accepted: true,
          reason: 'Accepted',
          message: '',
          partly: '',
        },
      ],
    },
    {
      kind: 'TrafficPolicy',
      namespace: 'shop',
      name: 'gone',
      targets: [
        {
          kind: 'Service',
          namespace: 'shop',
          name: 'old',
          accepted: false,
          reason: 'TargetNotFound',
          message: 'there is no such Service',
          partly: '',
        },
      ],
    },
  ],
  services: [
    {
      namespace: 'shop',
      name: 'catalog',
      settings: { timeouts: { requestMs: 1500 }, retries: { tries: 3 } },
    },
  ],
}
