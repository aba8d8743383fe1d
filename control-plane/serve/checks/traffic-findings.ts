import type { Problem } from '../../../core/problem.ts'
import { carriesHttp, type PortProtocol } from '../../model/protocol.ts'
import { requestRoutes, type Rule } from '../../model/route.ts'
import { findingOf, type CheckedMesh } from '../../problems/configuration/checked-mesh.ts'
import { ruleOf } from '../../problems/configuration/shadowed-rules.ts'
import type { RefusalCount } from '../telemetry/decision-store.ts'
import type { CallRow, ObservedView, ObservedWorkload } from '../telemetry/observed-view.ts'
import { takesNoPlaintext } from './plaintext.ts'

/** What was seen of a mesh's traffic. */
export interface SeenTraffic {
  /** Milliseconds since the epoch. */
  readonly now: number
  /** Since when use of rules is watched. */
  readonly watchedSince: number
  /** When a request followed a rule last; undefined: not since then. */
  lastUse(rule: string): number | undefined
  /** 99th percentile of a rule's requests to a cluster; null: none was seen lately. */
  p99Ms(rule: string, cluster: string): number | null
  readonly calls: ObservedView
  /** Of the last minutes. */
  readonly refusals: readonly RefusalCount[]
}

const DAY_MS = 24 * 3600 * 1000

/** What shows only in traffic. One kind at each step. */
export function* findingInTraffic(checked: CheckedMesh, seen: SeenTraffic): Generator<void, Problem[]> {
  const rules = ofRules(checked, seen)
  yield
  const calls = ofCalls(checked, seen)
  yield
  return [...rules, ...calls, ...ofRefusals(seen)]
}

function ofRules({ mesh, snapshot }: CheckedMesh, seen: SeenTraffic): Problem[] {
  const rules = new Map<string, Rule>()
  for (const { producer, consumers } of mesh.routes.values())
    for (const group of [producer, ...consumers.values()])
      for (const { rule } of requestRoutes(group)?.entries ?? []) rules.set(rule.name, rule)
  return [...rules.values()].flatMap((rule) => {
    const { of, index } = ruleOf(rule.name)
    const routes = of.kind === 'HTTPRoute' ? snapshot.httpRoutes : snapshot.grpcRoutes
    const createdAt = routes.get(`${of.namespace}/${of.name}`)?.meta.createdAt ?? 0
    return [...unused(rule, createdAt, seen), ...tooShort(rule, seen)].map((said) =>
      findingOf(said.code, of, `spec.rules[${index}]${said.field}`, said),
    )
  })
}

interface OfRule {
  readonly code: 'WEFT0701' | 'WEFT0704'
  readonly field: string
  readonly message: string
  readonly remedy: string
}

function unused({ name, action }: Rule, createdAt: number, seen: SeenTraffic): OfRule[] {
  const last = seen.lastUse(name)
  const since = Math.max(createdAt, last ?? seen.watchedSince)
  // A redirect has no backend by which its requests would be counted.
  if (action.kind !== 'forward' || seen.now - since < DAY_MS) return []
  const hours = Math.floor((seen.now - since) / 3_600_000)
  return [
    {
      code: 'WEFT0701',
      field: '',
      message: `no request followed it in the last ${hours} h`,
      remedy: 'see that its matches are what callers send, or take it out',
    },
  ]
}

function tooShort({ name, action }: Rule, seen: SeenTraffic): OfRule[] {
  if (action.kind !== 'forward') return []
  const { requestTimeoutMs, tryTimeoutMs } = action
  const timeout = [requestTimeoutMs, tryTimeoutMs].filter((one) => one > 0).sort((a, b) => a - b)[0]
  if (timeout === undefined) return []
  const slow = action.backends
    .map(({ portKey = '' }) => ({ portKey, p99: seen.p99Ms(name, portKey) ?? 0 }))
    .filter(({ p99 }) => p99 >= timeout)
  return slow.slice(0, 1).map(({ portKey, p99 }) => ({
    code: 'WEFT0704',
    field: '.timeouts',
    message: `lets a request take ${timeout} ms, and the slowest hundredth of those to ${portKey} takes ${Math.round(p99)} ms`,
    remedy: `write more than ${Math.round(p99)}ms, or make ${portKey} faster`,
  }))
}

function ofCalls(checked: CheckedMesh, { calls, now }: SeenTraffic): Problem[] {
  return calls.workloads.flatMap((workload) => {
    const protocols = new Map(workload.ports.map(({ port, protocol }) => [port, protocol]))
    const byPort = Map.groupBy(workload.calls, ({ port }) => port)
    return [...byPort].flatMap(([port, rows]) => {
      const protocol = protocols.get(port) as PortProtocol | undefined
      const foreign = rows.filter((row) => row.protocol === 'tcp' && row.count > 0)
      const plain = rows.filter((row) => row.source === '' && row.outcome !== 'refused' && row.count > 0)
      return [
        ...(protocol !== undefined && protocol !== 'auto' && carriesHttp(protocol)
          ? carriesOther(workload, port, protocol, foreign)
          : []),
        ...plaintext(workload, port, plain, checked, now),
      ]
    })
  })
}

const podsOf = ({ namespace, name }: ObservedWorkload) => ({ kind: 'Workload', namespace, name })

function carriesOther(
  workload: ObservedWorkload,
  port: number,
  protocol: string,
  rows: readonly CallRow[],
): Problem[] {
  if (rows.length === 0) return []
  return [
    findingOf('WEFT0702', podsOf(workload), `port ${port}`, {
      message: `is declared as ${protocol}, and ${countOf(rows)} connections came that are none`,
      remedy: 'write appProtocol: tcp at the Service, or mend the client',
    }),
  ]
}

function plaintext(
  workload: ObservedWorkload,
  port: number,
  rows: readonly CallRow[],
  { mesh }: CheckedMesh,
  now: number,
): Problem[] {
  const [first] = rows
  if (!first) return []
  const callers = [...new Set(rows.map(({ caller, address }) => caller || address || 'somebody'))]
  const who = `${callers.slice(0, 3).join(', ')}${callers.length > 3 ? ` and ${callers.length - 3} more` : ''}`
  const last = Math.max(...rows.map((row) => row.last))
  const ago = `the last ${Math.max(0, Math.round((now - last) / 60_000))} min ago`
  const strict = rows.every((row) => takesNoPlaintext(mesh, workload, row))
  return [
    findingOf(strict ? 'WEFT0703' : 'WEFT0705', podsOf(workload), `port ${port}`, {
      message: strict
        ? `is STRICT, and ${who} called it in plaintext ${countOf(rows)} times in a day, ${ago}`
        : `${who} called it in plaintext ${countOf(rows)} times in a day, ${ago}`,
      remedy: `give ${who} a sidecar, or let this port be PERMISSIVE by portLevelMtls`,
      effect: strict ? 'These calls are refused.' : 'They would be refused once it is STRICT.',
    }),
  ]
}

function countOf(rows: readonly CallRow[]): number {
  return rows.reduce((sum, { count }) => sum + count, 0)
}

function ofRefusals({ refusals }: SeenTraffic): Problem[] {
  return refusals
    .filter(({ last }) => !last.dryRun)
    .map(({ count, last }) => {
      const { from, to, rule, reference } = last
      const by = rule === '' ? 'as no rule lets it in' : `by the rule ${rule}`
      return findingOf(
        'WEFT0706',
        { kind: 'Pod', namespace: to.namespace, name: to.pod },
        `port ${to.port}`,
        {
          message: `${from.identity === '' ? 'a caller without an identity' : from.identity} was refused ${count} times in the last 5 minutes, ${by}`,
          remedy: `weft why ${reference} says which rule is nearest to letting it in; if that is meant, nothing`,
        },
      )
    })
}
