import type { Leaf } from '../../core/authorization/leaf.ts'
import type { RuleSet } from '../../core/authorization/rules.ts'
import { ANY_REST, ANY_SEGMENT } from '../../core/observed-calls.ts'
import {
  workloadAuthorization,
  type WorkloadAuthorizationView,
} from '../../control-plane/authorization-view.ts'
import type { Mesh } from '../../control-plane/model/mesh.ts'
import type {
  CallRow,
  ObservedView,
  ObservedWorkload,
} from '../../control-plane/serve/telemetry/observed-view.ts'
import { decideAt, type Arrival, type PodVerdict } from '../policy/decide.ts'
import { rulesForCalls } from './path-outlook.ts'

/** A kind of call that is decided otherwise than before, or may be. */
export interface ChangedCall {
  readonly change: 'refused' | 'let-in' | 'unclear'
  readonly namespace: string
  /** The workload that is called. */
  readonly workload: string
  readonly call: CallRow
  /** That decides from now on; '' where no rule lets it in, or none has to. */
  readonly rule: string
  /** Why, in words. */
  readonly because: string
}

export interface Replay {
  readonly changed: readonly ChangedCall[]
  /** Kinds of calls that were replayed, and how many calls they stand for. */
  readonly kinds: number
  readonly calls: number
  /** Kinds of calls to workloads of which no pod is there any more. */
  readonly gone: number
}

/** Of what is observed nobody records these. */
const NEVER_TOLD: readonly Leaf['kind'][] = ['header', 'claim', 'host', 'sni']

/**
 * Decides on everything that was seen, by the rules of before and by those of after. What an application had nothing for is
 * left out: whoever scans is nobody to keep.
 */
export function replay(view: ObservedView, before: Mesh, after: Mesh): Replay {
  const changed: ChangedCall[] = []
  let kinds = 0
  let calls = 0
  let gone = 0
  for (const workload of view.workloads) {
    for (const call of workload.calls) {
      if (call.outcome === 'unanswered') continue
      const pods = podsOf(workload, call, before, after)
      if (pods.length === 0) {
        gone++
        continue
      }
      kinds++
      calls += call.count
      const found = pods.map((pod) => changeAt(workload.namespace, pod, call, before, after))
      const first = found.find((one) => one !== undefined)
      if (first) changed.push({ namespace: workload.namespace, workload: workload.name, call, ...first })
    }
  }
  return { changed, kinds, calls, gone }
}

/** Pods that took such calls, or else any of the workload, that are there before and after. */
function podsOf(
  { namespace, pods }: ObservedWorkload,
  call: CallRow,
  before: Mesh,
  after: Mesh,
): readonly string[] {
  const there = (pod: string): boolean =>
    before.workloads.has(`${namespace}/${pod}`) && after.workloads.has(`${namespace}/${pod}`)
  const called = Object.keys(call.pods).filter(there)
  return called.length > 0
    ? called
    : pods
        .map(({ name }) => name)
        .filter(there)
        .slice(0, 1)
}

function changeAt(
  namespace: string,
  pod: string,
  call: CallRow,
  before: Mesh,
  after: Mesh,
): Pick<ChangedCall, 'change' | 'rule' | 'because'> | undefined {
  const was = verdictAt(workloadAuthorization(before, namespace, pod), call)
  const is = verdictAt(workloadAuthorization(after, namespace, pod), call)
  if (!was || !is || was.verdict === is.verdict) return undefined
  const { rule } = is
  if (is.verdict === 'unknown') return { change: 'unclear', rule, because: becauseOf(is) }
  // What was served is known to have been let in, whatever could be told of it.
  const letIn = was.verdict === 'unknown' ? call.outcome === 'served' : was.verdict === 'allowed'
  if (is.verdict === 'refused') return letIn ? { change: 'refused', rule, because: becauseOf(is) } : undefined
  return letIn ? undefined : { change: 'let-in', rule, because: becauseOf(is) }
}

function verdictAt(view: WorkloadAuthorizationView | undefined, call: CallRow): PodVerdict | undefined {
  if (!view) return undefined
  const held = (rules: RuleSet): RuleSet => rulesForCalls(rules, call.path, view.addresses)
  const ports = view.ports.map((port) => ({ ...port, http: held(port.http), tcp: held(port.tcp) }))
  return decideAt({ ...view, ports }, arrivalOf(view, call, call.path === '' || call.path.includes('{')))
}

function arrivalOf({ addresses }: WorkloadAuthorizationView, call: CallRow, anyPath: boolean): Arrival {
  const unknown = new Set<Leaf['kind']>(NEVER_TOLD)
  if (call.address === '') unknown.add('source-ip')
  if (anyPath) unknown.add('path').add('path-template')
  if (call.method === '_OTHER') unknown.add('method')
  const path = call.path.replaceAll(ANY_SEGMENT, 'x').replaceAll(ANY_REST, 'x')
  return {
    identity: call.source,
    sourceAddress: call.address,
    destinationAddress: addresses[0] ?? '',
    port: call.port,
    sni: '',
    request:
      call.protocol === 'tcp'
        ? undefined
        : { method: call.method, authority: '', path: path || '/', values: () => [], claims: undefined },
    unknown,
  }
}

function becauseOf({ verdict, by, rule, explanation, notes, covering }: PodVerdict): string {
  if (verdict === 'unknown') {
    const asked = [...(explanation?.denies ?? []), ...(explanation?.nearest ? [explanation.nearest] : [])]
    return (
      [...new Set(asked.flatMap(({ unknown }) => unknown))].join('; ') || 'it depends on what is not recorded'
    )
  }
  if (by === 'mTLS' || by === 'path') return notes.join('; ')
  if (verdict === 'allowed') return rule === '' ? 'nothing refuses it' : `${rule} allows it`
  if (by === 'DENY') return `${rule} refuses it`
  // That a pod reaches itself is nothing that a caller could meet.
  const near = explanation?.nearest?.rule.endsWith('/self') ? undefined : explanation?.nearest
  const covers = covering.length > 0 ? `no rule of ${covering.join(', ')} allows it` : 'no rule allows it'
  return near ? `${covers}; nearest is ${near.rule}: ${near.unmet.join('; ')}` : covers
}
