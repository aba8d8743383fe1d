import { parse } from 'yaml'
import { createRoot } from '../../../certs/authority.ts'
import type { CanaryView } from '../../../control-plane/canary/view.ts'
import { createMesh } from '../../../control-plane/mesh.ts'
import { proxyProblems } from '../../../control-plane/problems/mesh-problems.ts'
import { MemorySource } from '../../../control-plane/registry/memory-source.ts'
import { meshChecks } from '../../../control-plane/serve/checks/mesh-checks.ts'
import type { RefusalCount } from '../../../control-plane/serve/telemetry/decision-store.ts'
import type { CallRow } from '../../../control-plane/serve/telemetry/observed-view.ts'
import type { Problem } from '../../../core/problem.ts'
import { silentLogger } from '../../../core/log.ts'

/** What an example says was seen; what it leaves out is all well. */
interface Seen {
  readonly proxies?: readonly string[]
  /** By pod. */
  readonly refused?: Readonly<Record<string, string>>
  readonly issuer?: string
  readonly rootEndsInDays?: number
  readonly canaries?: readonly { name: string; phase: CanaryView['phase']; movedHoursAgo: number }[]
  /** By rule. */
  readonly lastUseHoursAgo?: Readonly<Record<string, number>>
  /** By rule and cluster. */
  readonly p99Ms?: Readonly<Record<string, number>>
  /** Of pod catalog-1, at port 8080. */
  readonly calls?: readonly {
    protocol: CallRow['protocol']
    source: string
    address?: string
    count: number
  }[]
  readonly refusals?: readonly { from: string; to: string; count: number }[]
}

const NOW = Date.UTC(2026, 0, 31, 12)
const HOUR = 3_600_000
const EVERYBODY = ['web-1', 'catalog-1']

/** What the checker of a control plane finds in a mesh of these manifests of which that was seen. */
export function findInMesh(base: string, manifests: string, seenText: string): readonly Problem[] {
  const seen = (parse(seenText) ?? {}) as Seen
  const source = MemorySource.of(base, manifests)
  const mesh = createMesh({ source, trustDomain: 'cluster.local', log: silentLogger })
  const proxies = (seen.proxies ?? EVERYBODY).map((pod) => ({
    node: `${pod}.shop`,
    namespace: 'shop',
    pod,
    serviceAccount: 'web',
    connectedAt: NOW,
    version: 1,
    rejected: seen.refused?.[pod] ?? '',
  }))
  const days = seen.rootEndsInDays ?? 365
  const root = createRoot('cluster.local', NOW, days * 24 * HOUR)
  const found = meshChecks({
    problems: [...mesh.problems(), ...proxyProblems(proxies)],
    snapshot: source.snapshot.value,
    mesh: mesh.snapshot.value.model,
    running: {
      now: NOW,
      release: '0.1.0',
      proxies,
      canaries: (seen.canaries ?? []).map(canaryOf),
      issuer: {
        title: 'the CA of the mesh',
        trouble: seen.issuer ? { code: 'issuer.unavailable', reason: seen.issuer, since: NOW } : null,
      },
      roots: [root.certificate],
    },
    seen: {
      now: NOW,
      watchedSince: NOW - 48 * HOUR,
      lastUse: (rule) => NOW - (seen.lastUseHoursAgo?.[rule] ?? 0) * HOUR,
      p99Ms: (rule, cluster) => seen.p99Ms?.[`${rule} ${cluster}`] ?? null,
      calls: {
        now: NOW,
        since: NOW - 24 * HOUR,
        evicted: 0,
        withoutSidecar: [],
        workloads: [
          {
            namespace: 'shop',
            name: 'catalog',
            pods: [{ name: 'catalog-1', identity: '', labels: {}, services: ['catalog.shop'] }],
            watched: [],
            ports: [{ port: 8080, protocol: 'http' }],
            calls: (seen.calls ?? []).map(callOf),
          },
        ],
      },
      refusals: (seen.refusals ?? []).map(refusalOf),
    },
  })
  mesh.close()
  return found
}

function canaryOf({ name, phase, movedHoursAgo }: NonNullable<Seen['canaries']>[number]): CanaryView {
  const nothing = { requests: 0, failed: 0, latencyMs: null }
  return {
    namespace: 'shop',
    name,
    route: `HTTPRoute/${name}`,
    stable: 'catalog:80',
    canary: 'catalog-v2:80',
    phase,
    reason: 'Held',
    message: 'somebody holds it',
    weight: 10,
    revision: 'a',
    step: 0,
    steps: ['weight 10'],
    evidence: { stable: nothing, canary: nothing, needed: 0, doubt: 0 },
    history: [{ at: new Date(NOW - movedHoursAgo * HOUR).toISOString(), message: 'held' }],
  }
}

function callOf({ protocol, source, address = '', count }: NonNullable<Seen['calls']>[number]): CallRow {
  return {
    source,
    address,
    port: 8080,
    protocol,
    method: '',
    path: '',
    outcome: 'served',
    caller: '',
    count,
    first: NOW - HOUR,
    last: NOW - HOUR / 2,
    pods: { 'catalog-1': count },
  }
}

function refusalOf({ from, to, count }: NonNullable<Seen['refusals']>[number]): RefusalCount {
  return {
    count,
    last: {
      reference: '4bf92f3577b34da6a3ce929d0e0e4736',
      time: NOW,
      dryRun: false,
      protocol: 'http',
      from: { identity: from, address: '10.0.9.9' },
      to: { namespace: 'shop', pod: to, service: 'catalog', address: '10.0.0.2', port: 8080 },
      method: 'GET',
      path: '/items',
      host: 'catalog',
      sni: '',
      rule: '',
    },
  }
}
