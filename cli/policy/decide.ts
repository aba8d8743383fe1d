import { compile } from '../../core/authorization/evaluate.ts'
import { carriesHttp } from '../../control-plane/model/protocol.ts'
import type { ConnectionFacts, RequestFacts } from '../../core/authorization/facts.ts'
import { explain, type Explanation, type UnknownFacts } from '../../core/authorization/nearest.ts'
import type {
  PortAuthorizationView,
  WorkloadAuthorizationView,
} from '../../control-plane/authorization-view.ts'
import type { RuleSource } from '../../control-plane/model/authorization.ts'
import { PATHS_AS_THEY_COME, type PathRules } from '../../proxy/model/path-rules.ts'
import { normalizePath } from '../../proxy/route/normalize-path.ts'

/** What one pod's sidecar would do, and why. */
export interface PodVerdict {
  /** `namespace/name` */
  readonly pod: string
  /** On which the pod listens. */
  readonly port: number
  readonly verdict: 'allowed' | 'refused' | 'unknown'
  /**
   * `DENY` and `ALLOW` are stages of rules. The others come before them: `mTLS` where the port takes no plaintext, `path`
   * where nothing is decided on it, `protocol` where the port takes HTTP alone.
   */
  readonly by: 'DENY' | 'ALLOW' | 'mTLS' | 'path' | 'protocol' | null
  /** That decides; '' where none lets it in, or none had to. */
  readonly rule: string
  readonly explanation: Explanation | null
  /** As it would be once dry runs are over; null where there are none. */
  readonly dryRun: Explanation | null
  readonly audited: readonly string[]
  /** Where rules that are named come from, by their names. */
  readonly sources: Readonly<Record<string, RuleSource>>
  readonly decision: PortAuthorizationView['decision'] | null
  /** Policies of ALLOW that cover the port, whether or not a rule of them is near. */
  readonly covering: readonly string[]
  /** What else there is to know. */
  readonly notes: readonly string[]
}

/** What comes to a pod. */
export interface Arrival {
  readonly identity: string
  /** '' where nobody knows it. */
  readonly sourceAddress: string
  readonly destinationAddress: string
  readonly port: number
  readonly sni: string
  /** Undefined of a connection without requests. */
  readonly request: ArrivedRequest | undefined
  readonly unknown: UnknownFacts
}

export type ArrivedRequest = Pick<
  RequestFacts,
  'method' | 'authority' | 'path' | 'values' | 'lookalikes' | 'claims'
>

const ESCAPED_SLASHES = { redirect: 'unescape-redirect', unescape: 'unescape-forward' } as const

/** What nobody decides on: it is let in. */
export function letIn(pod: string, port: number, ...notes: readonly string[]): PodVerdict {
  return {
    pod,
    port,
    verdict: 'allowed',
    by: null,
    rule: '',
    explanation: null,
    dryRun: null,
    audited: [],
    sources: {},
    decision: null,
    covering: [],
    notes,
  }
}

/** Decides as the pod's sidecar does: plaintext under STRICT, then the path, then the rules of its port. */
export function decideAt(view: WorkloadAuthorizationView, arrival: Arrival): PodVerdict {
  const pod = `${view.namespace}/${view.pod}`
  const { port, request } = arrival
  const open = letIn(pod, port)
  const { include, exclude } = view.captured
  if (exclude.includes(port) || (include !== '*' && !include.includes(port)))
    return { ...open, notes: [`port ${port} is not captured: connections reach the application undecided`] }
  const held = portOf(view, port)
  if (!held) return { ...open, verdict: 'unknown', notes: ['the control plane says nothing of its ports'] }
  if (held.mtls.value === 'STRICT' && arrival.identity === '') {
    const from = held.mtls.from === '' ? '' : ` (${held.mtls.from})`
    return {
      ...open,
      verdict: 'refused',
      by: 'mTLS',
      notes: [`port ${port} takes mutual TLS alone: STRICT${from}`],
    }
  }
  const notes: string[] = []
  let arrived = request
  const opaque = !carriesHttp(held.protocol)
  if (arrived && opaque) {
    notes.push(`port ${port} carries ${held.protocol}: nobody looks at requests, and rules of TCP decide`)
    arrived = undefined
  } else if (!arrived && !opaque && held.protocol !== 'auto') {
    const what = `port ${port} is declared as ${held.protocol}: what carries no HTTP is refused there`
    return { ...open, verdict: 'refused', by: 'protocol', notes: [what] }
  }
  if (arrived) {
    const path = normalizePath(arrived.path, pathRulesOf(view.paths))
    if (typeof path !== 'string') {
      const what =
        path.kind === 'refused' ? `answered with 400: ${path.message}` : `led to ${path.path} by 307`
      return { ...open, verdict: 'refused', by: 'path', notes: [what] }
    }
    if (path !== arrived.path) notes.push(`the path is put in order: ${path}`)
    arrived = { ...arrived, path }
  }
  return { ...open, ...ruled(held, arrival, arrived), notes }
}

function ruled(
  held: PortAuthorizationView,
  { identity, sourceAddress, destinationAddress, port, sni, unknown }: Arrival,
  request: ArrivedRequest | undefined,
): Pick<
  PodVerdict,
  'verdict' | 'by' | 'rule' | 'explanation' | 'dryRun' | 'audited' | 'sources' | 'decision' | 'covering'
> {
  const connection: ConnectionFacts = {
    identity,
    sourceAddress,
    destinationAddress,
    destinationPort: port,
    sni,
  }
  const facts = request ? { ...connection, ...request } : undefined
  const rules = facts ? held.http : held.tcp
  const { action, rule, audited, shadow } = facts
    ? compile(rules, 'request').decide(facts)
    : compile(rules, 'connection').decide(connection)
  const explanation = explain(rules, facts ?? connection, { unknown })
  const dryRun = shadow ? explain(rules, facts ?? connection, { unknown, shadow: true }) : null
  const { verdict } = explanation
  const named = [explanation, dryRun].flatMap((one) =>
    one ? [...one.denies, one.allows, one.nearest].flatMap((found) => found?.rule ?? []) : [],
  )
  const sources = [...named, ...audited].flatMap((name) => {
    const source = sourceOf(held, name)
    return source ? [[name, source] as const] : []
  })
  return {
    verdict,
    by: verdict === 'unknown' ? null : (action ?? null),
    rule: verdict === 'unknown' ? '' : rule,
    explanation,
    dryRun,
    audited,
    sources: Object.fromEntries(sources),
    decision: held.decision,
    covering: held.sources
      .filter((source) => source.action === 'ALLOW' && !source.dryRun)
      .map(({ namespace, name }) => `${namespace}/${name}`),
  }
}

/** The policy that a rule's name stands for: `namespace/policy/index`. */
export function sourceOf({ sources }: PortAuthorizationView, rule: string): RuleSource | undefined {
  const policy = rule.slice(0, rule.lastIndexOf('/'))
  return sources.find(({ namespace, name }) => `${namespace}/${name}` === policy)
}

/** What holds at a port: its own, else what holds at all others. */
export function portOf(view: WorkloadAuthorizationView, port: number): PortAuthorizationView | undefined {
  return view.ports.find((one) => one.port === port) ?? view.ports.find((one) => one.port === null)
}

/** As the control plane writes them for sidecars (control-plane/xds/filters.ts). */
function pathRulesOf({
  normalize,
  escapedSlashes,
  parameters,
}: WorkloadAuthorizationView['paths']): PathRules {
  const slashes =
    escapedSlashes === 'redirect' || escapedSlashes === 'unescape'
      ? ESCAPED_SLASHES[escapedSlashes]
      : escapedSlashes
  if (!normalize) return { ...PATHS_AS_THEY_COME, escapedSlashes: slashes, parameters }
  return { normalize, mergeSlashes: true, escapedSlashes: slashes, parameters }
}
