import type { Graph, GraphEdge, GraphNode, Health, TrafficFigures } from '../../../core/api/traffic.ts'
import { randomFrom } from '../random.ts'

export interface MockGraphOptions {
  /** `web` has no endpoint, and all that calls it fails. */
  readonly outage?: boolean
  readonly hostile?: readonly string[]
  /** Answers of one of three control planes are missing. */
  readonly missing?: boolean
  /** As it was before: inventory well, checkout calling nobody, all of catalog at its first version. */
  readonly before?: boolean
}

export const WHOLE = { answered: 1, missing: [] }
export const HALF = {
  answered: 2,
  missing: [{ replica: 'weft-control-plane-2', reason: 'no answer within 2 s' }],
}

export function figures(rate: number, medianMs: number, failing = 0, plaintext = 0): TrafficFigures {
  const seen = rate > 0
  return {
    rate,
    failedRate: rate * failing,
    successRate: seen ? 1 - failing : null,
    p50Ms: seen ? medianMs : null,
    p95Ms: seen ? medianMs * 2.4 : null,
    p99Ms: seen ? medianMs * 4.1 : null,
    transport: { mutualTls: seen ? 1 - plaintext : 0, plaintext: seen ? plaintext : 0, unknown: 0 },
  }
}

export function node(
  name: string,
  namespace: string,
  traffic: TrafficFigures,
  change: Partial<GraphNode> = {},
): GraphNode {
  return {
    id: `${name}.${namespace}`,
    name,
    namespace,
    kind: 'service',
    traffic,
    health: traffic.rate > 0 ? 'ok' : 'idle',
    reasons: [],
    endpoints: { ready: 2, total: 2, meshed: 2, ejected: 0 },
    policy: 'open',
    versions: [],
    versionOf: [],
    ...change,
  }
}

export function edge(
  source: string,
  target: string,
  traffic: TrafficFigures,
  change: Partial<GraphEdge> = {},
): GraphEdge {
  return { source, target, traffic, deniedRate: 0, health: 'ok', ...change }
}

/** A shop: web calls catalog (split 90/10), that inventory; checkout pays. `now` moves rates a little. */
export function shopGraph(from: number, to: number, options: MockGraphOptions = {}): Graph {
  const wave = 1 + 0.1 * Math.sin(to / 20_000)
  const out = options.outage === true
  const failing: Health = out ? 'failing' : 'ok'
  const webTraffic = figures(10 * wave, 7.1, out ? 1 : 0.0004, 0.06)
  const before = options.before === true
  const hostile = (options.hostile ?? []).map((name) =>
    node(name, 'hostile', figures(3, 4), { id: `${name}.hostile`, policy: 'restricted' }),
  )
  return {
    from,
    to,
    coverage: options.missing === true ? HALF : WHOLE,
    nodes: [
      {
        ...node('', '', figures(12 * wave, 8)),
        id: '',
        kind: 'outside',
        endpoints: { ready: 0, total: 0, meshed: 0, ejected: 0 },
      },
      node('web', 'shop', webTraffic, {
        health: failing,
        reasons: out ? ['No endpoint is ready (0 of 2).', 'Its callers saw 100 % of requests fail.'] : [],
        endpoints: { ready: out ? 0 : 2, total: 2, meshed: 2, ejected: 0 },
      }),
      node('catalog', 'shop', figures(17.6 * wave, 3.4, 0.002), {
        versions: [
          {
            id: 'catalog-v1.shop',
            percent: before ? 100 : 90,
            traffic: figures(15.8 * wave, 3.2, 0.0018),
            health: 'ok',
            ready: 2,
            total: 2,
          },
          {
            id: 'catalog-v2.shop',
            percent: before ? 0 : 10,
            traffic: figures(1.8 * wave, 5.8, 0.006),
            health: 'ok',
            ready: 1,
            total: 1,
          },
        ],
        endpoints: { ready: 3, total: 3, meshed: 3, ejected: 0 },
      }),
      node('catalog-v1', 'shop', figures(0, 0), { health: 'ok', versionOf: ['catalog.shop'] }),
      node('catalog-v2', 'shop', figures(0, 0), { health: 'ok', versionOf: ['catalog.shop'] }),
      node('inventory', 'shop', figures(17.6 * wave, before ? 1.2 : 9.3, before ? 0 : 0.098), {
        health: before ? 'ok' : 'degraded',
        reasons: before ? [] : ['9.80 % of its callers’ requests failed.'],
        policy: 'restricted',
        endpoints: { ready: 1, total: 2, meshed: 2, ejected: 1 },
      }),
      node('checkout', 'shop', figures(4.2 * wave, 21)),
      node('pay', 'payments', figures(4.1 * wave, 38), { policy: 'restricted' }),
      node('ledger', 'payments', figures(4.1 * wave, 11), { policy: 'restricted' }),
      node('archive', 'payments', figures(0, 0), { policy: 'denied' }),
      ...hostile,
    ],
    edges: [
      edge('', 'web.shop', webTraffic, { health: failing }),
      edge('web.shop', 'catalog.shop', figures(17.6 * wave, 3.9, 0.002)),
      edge('web.shop', 'checkout.shop', figures(4.2 * wave, 22)),
      edge('catalog.shop', 'inventory.shop', figures(17.6 * wave, 1.9, 0.098), { health: 'degraded' }),
      edge('checkout.shop', 'inventory.shop', figures(2 * wave, 2.2, 0.02, 0.4)),
      ...(before ? [] : [edge('checkout.shop', 'pay.payments', figures(4.1 * wave, 40))]),
      edge('pay.payments', 'ledger.payments', figures(4.1 * wave, 12)),
      edge('catalog.shop', 'archive.payments', figures(0.4, 1, 1), { deniedRate: 0.4, health: 'degraded' }),
      ...hostile.map(({ id }) => edge('web.shop', id, figures(3, 4))),
    ],
  }
}

/** So many services in namespaces of 25, each calling about two; the same with each seed. */
export function largeGraph(services: number, from: number, to: number): Graph {
  const random = randomFrom(11)
  const wave = 1 + 0.2 * Math.sin(to / 9000)
  const name = (i: number): string => `service-${String(i).padStart(3, '0')}`
  const home = (i: number): string => `team-${String(Math.floor(i / 25)).padStart(2, '0')}`
  const id = (i: number): string => `${name(i)}.${home(i)}`
  const nodes: GraphNode[] = []
  const edges: GraphEdge[] = []
  for (let i = 0; i < services; i++) {
    const failing = i % 97 === 41 ? 0.02 : 0.0002
    nodes.push(
      node(name(i), home(i), figures(20 * random() * wave, 2 + 30 * random(), failing), {
        health: failing > 0.01 ? 'degraded' : 'ok',
        endpoints: { ready: 10, total: 10, meshed: 10, ejected: 0 },
        policy: i % 3 === 0 ? 'restricted' : 'open',
      }),
    )
    for (let n = 0; n < 3; n++) {
      const target = i + 1 + Math.floor(random() * (n === 2 ? 60 : 8))
      if (target < services && (n < 2 || random() < 0.4))
        edges.push(edge(id(i), id(target), figures(8 * random() * wave, 2 + 20 * random())))
    }
  }
  const once = new Map(edges.map((one) => [`${one.source} ${one.target}`, one]))
  return { from, to, coverage: WHOLE, nodes, edges: [...once.values()] }
}
