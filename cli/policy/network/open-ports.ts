import { explain, type UnknownFacts } from '../../../core/authorization/nearest.ts'
import type { Matcher, RuleSet } from '../../../core/authorization/rules.ts'
import { RESERVED_PORTS } from '../../../core/contract.ts'
import { rulesFor, SELF_RULE } from '../../../control-plane/model/authorization.ts'
import type { Mesh, Workload } from '../../../control-plane/model/mesh.ts'
import { carriesHttp } from '../../../control-plane/model/protocol.ts'

/** Who calls, as far as it is asked: one who is there, or one of whom only a part is known. */
export interface Caller {
  /** SPIFFE ID that mutual TLS shows; '': plaintext. */
  readonly identity: string
  /** '' where it could be any. */
  readonly address: string
}

/** Ports `from` to `to`, both among them, which are the same to everybody. */
export interface PortRange {
  readonly from: number
  readonly to: number
}

const LAST_PORT = 65_535
/** What nobody knows of a connection before it is there. */
const UNKNOWN: UnknownFacts = new Set([
  'destination-ip',
  'sni',
  'method',
  'host',
  'path',
  'path-template',
  'header',
  'claim',
])
const UNKNOWN_SOURCE: UnknownFacts = new Set([...UNKNOWN, 'source-ip'])

/**
 * The ports of a pod, cut wherever anything that is asked of them may change. Those of the sidecar itself are left out: nobody decides
 * on them.
 */
export function portRanges(mesh: Mesh, workload: Workload): readonly PortRange[] {
  const cuts = new Set([1, LAST_PORT + 1])
  const cut = (from: number, to: number): void => {
    for (const port of [from, to]) if (port > 1 && port <= LAST_PORT) cuts.add(port)
  }
  for (const { port } of workload.ports) cut(port, port + 1)
  for (const port of RESERVED_PORTS) cut(port, port + 1)
  for (const port of [
    ...workload.captured.exclude,
    ...(workload.captured.include === '*' ? [] : workload.captured.include),
  ])
    cut(port, port + 1)
  for (const port of [undefined, ...workload.ports.map((one) => one.port)]) {
    const { http, tcp } = rulesFor(mesh, workload, port)
    for (const rules of [http, tcp]) for (const { start, end } of portsIn(rules)) cut(start, end)
  }
  const sorted = [...cuts].sort((a, b) => a - b)
  return sorted
    .flatMap((from, i) => (i + 1 < sorted.length ? [{ from, to: (sorted[i + 1] as number) - 1 }] : []))
    .filter(({ from }) => !RESERVED_PORTS.includes(from))
}

/**
 * Whether a caller may get anything through to a port, whatever he asks: false only where the mesh refuses all of it. It is asked of
 * the code that decides in sidecars; what is not known of the call counts as it would suit the caller.
 */
export function mayReach(mesh: Mesh, workload: Workload, port: number, caller: Caller): boolean {
  const { include, exclude } = workload.captured
  if (exclude.includes(port) || (include !== '*' && !include.includes(port))) return true
  const declared = workload.ports.find((one) => one.port === port)
  const mtls = declared?.mtls ?? workload.mtls
  if (caller.identity === '' && mtls.value === 'STRICT') return false
  const { http, tcp } = rulesFor(mesh, workload, declared?.port)
  const facts = {
    identity: caller.identity,
    sourceAddress: caller.address,
    destinationAddress: workload.addresses[0] ?? '',
    destinationPort: port,
    sni: undefined,
  }
  const unknown = caller.address === '' ? UNKNOWN_SOURCE : UNKNOWN
  const protocol = declared?.protocol ?? 'auto'
  const asked = protocol === 'auto' ? [http, tcp] : [carriesHttp(protocol) ? http : tcp]
  return asked.some((rules) => explain(withoutSelf(rules), facts, { unknown }).verdict !== 'refused')
}

/** A pod reaches itself, and no policy of the network is about that. */
function withoutSelf(rules: RuleSet): RuleSet {
  return rules.map((stage) =>
    stage.enforced ? { ...stage, enforced: stage.enforced.filter(({ name }) => name !== SELF_RULE) } : stage,
  )
}

/**
 * Whether rules let callers in, or except them from what they refuse, by names of which examples say nothing: of another trust domain, or
 * by the end or the middle of a name.
 */
export function namesOthers(rules: RuleSet, trustDomains: readonly string[]): boolean {
  const own = trustDomains.map((domain) => `spiffe://${domain}/`)
  return rules.some(
    ({ action, enforced = [] }) =>
      action !== 'AUDIT' &&
      enforced.some(({ name, principals }) => {
        if (name === SELF_RULE) return false
        for (const { leaf, negated } of leavesOf({ kind: 'or', of: principals })) {
          if (leaf.kind !== 'identity' || !leaf.match || negated === (action === 'ALLOW')) continue
          const { type, value } = leaf.match
          const known = type === 'exact' || type === 'prefix'
          if (!known || !own.some((domain) => value.startsWith(domain))) return true
        }
        return false
      }),
  )
}

function* portsIn(rules: RuleSet): Generator<{ readonly start: number; readonly end: number }> {
  for (const { enforced = [] } of rules)
    for (const { permissions, principals } of enforced)
      for (const { leaf } of leavesOf({ kind: 'or', of: [...permissions, ...principals] }))
        if (leaf.kind === 'port') yield leaf
}

/** `negated`: beneath an odd number of `not`. */
function* leavesOf(
  matcher: Matcher,
  negated = false,
): Generator<{ readonly leaf: Matcher; readonly negated: boolean }> {
  if (matcher.kind === 'not') yield* leavesOf(matcher.of, !negated)
  else if (matcher.kind === 'and' || matcher.kind === 'or')
    for (const one of matcher.of) yield* leavesOf(one, negated)
  else yield { leaf: matcher, negated }
}
