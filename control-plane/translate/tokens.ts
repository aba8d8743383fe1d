import { isDeepStrictEqual } from 'node:util'
import { CONTROLLER_NAME } from '../../core/contract.ts'
import type { Workload } from '../model/mesh.ts'
import type { PolicyProblem } from '../model/policy-problem.ts'
import type { AncestorStatus, PolicyCondition, PolicyStatus } from '../model/policy-status.ts'
import {
  NO_TOKENS,
  sourceKey,
  type KeysBySource,
  type KeySource,
  type MeshTokens,
  type TokenProvider,
  type TokenRule,
} from '../model/token-rule.ts'
import { selects } from '../registry/kinds/label-selector.ts'
import type { RequestAuthenticationObject, TokenTarget } from '../registry/kinds/request-authentication.ts'
import type { Snapshot } from '../registry/snapshot.ts'
import { targetProblem, type TargetProblem } from './policy-targets.ts'

export interface Tokens {
  readonly tokens: MeshTokens
  readonly status: readonly PolicyStatus[]
  readonly problems: readonly PolicyProblem[]
}

export interface TokenInputs {
  readonly snapshot: Snapshot
  readonly workloads: ReadonlyMap<string, Workload>
  /** Of MeshPolicy: for every pod, where nothing nearer speaks of the issuer. */
  readonly meshRules: readonly TokenRule[]
  readonly keys: KeysBySource
}

/** Whose rules they are, nearest first. */
type Level = 'pods' | 'namespace'
const LEVELS: readonly Level[] = ['pods', 'namespace']

const NONE: Tokens = { tokens: NO_TOKENS, status: [], problems: [] }
/** `{"keys":[]}`: no token verifies by it. */
const NO_KEYS = JSON.stringify({ keys: [] })

/** Where the keys come from stands in MeshPolicy. */
const MESH_POLICY_FIELD = 'spec.requestAuthentication'

/** Decides whose tokens are verified where; what comes out the same keeps its identity. */
export class TokenTranslator {
  readonly #systemNamespace: string
  #inputs: readonly unknown[] = []
  #result = NONE

  constructor(systemNamespace: string) {
    this.#systemNamespace = systemNamespace
  }

  translate({ snapshot, workloads, meshRules, keys }: TokenInputs): Tokens {
    const { requestAuthentications, services } = snapshot
    if (requestAuthentications.size === 0 && meshRules.length === 0) {
      this.#inputs = []
      return (this.#result = NONE)
    }
    const inputs = [requestAuthentications, services, workloads, meshRules, keys]
    if (inputs.every((input, at) => input === this.#inputs[at])) return this.#result
    this.#inputs = inputs
    const before = this.#result
    const now = this.#decide({ snapshot, workloads, meshRules, keys })
    const tokens = keptTokens(before.tokens, now.tokens)
    return (this.#result = {
      tokens,
      status: isDeepStrictEqual(before.status, now.status) ? before.status : now.status,
      problems: isDeepStrictEqual(before.problems, now.problems) ? before.problems : now.problems,
    })
  }

  #decide({ snapshot, workloads, meshRules, keys }: TokenInputs): Tokens {
    const policies = [...snapshot.requestAuthentications.values()]
      .toSorted(olderFirst)
      .map((policy) => new PolicyInForce(policy, snapshot))
    const byNamespace = Map.groupBy(policies, ({ policy }) => policy.meta.namespace)
    const providers = new Map<string, readonly TokenProvider[]>()
    const lists = new Map<string, readonly TokenProvider[]>()
    for (const workload of workloads.values()) {
      const rules = rulesOf(workload, byNamespace.get(workload.namespace) ?? [], meshRules)
      if (rules.length === 0) continue
      const made = rules.map((rule): TokenProvider => ({ rule, keys: keysOf(rule, keys) }))
      // Pods of one kind share one list.
      const text = JSON.stringify(made)
      const list = lists.get(text) ?? made
      lists.set(text, list)
      providers.set(workload.key, list)
    }
    const problems: PolicyProblem[] = []
    const status = policies.map((one) => one.status(keys, problems))
    for (const [at, rule] of meshRules.entries()) {
      const problem = keyProblem(rule, keys, `${MESH_POLICY_FIELD}.jwtRules[${at}]`)
      if (problem)
        problems.push({ kind: 'MeshPolicy', namespace: this.#systemNamespace, name: 'default', ...problem })
    }
    const sources = sourcesOf([...policies.flatMap(({ policy }) => policy.rules), ...meshRules])
    return { tokens: { providers, sources }, status, problems }
  }
}

/** A policy with what became of it. */
class PolicyInForce {
  readonly policy: RequestAuthenticationObject
  readonly #wrong: readonly (TargetProblem | undefined)[]
  readonly #services: ReadonlySet<string>
  readonly #wholeNamespace: boolean
  /** For each target, or for the one that is not named: whether a pod of the mesh is there. */
  readonly #reaches = new Set<number>()
  /** Issuers of which another policy speaks first, with its name. */
  readonly #behind = new Map<string, string>()

  constructor(policy: RequestAuthenticationObject, snapshot: Snapshot) {
    this.policy = policy
    const { meta, targetRefs, selector } = policy
    this.#wrong = targetRefs.map((ref) => targetProblem(snapshot, { meta, settings: {} }, ref))
    const good = targetRefs.filter((_, at) => !this.#wrong[at])
    this.#services = new Set(good.filter(({ kind }) => kind === 'Service').map(({ name }) => name))
    this.#wholeNamespace =
      selector === undefined && (targetRefs.length === 0 || good.some(({ kind }) => kind === 'Namespace'))
  }

  /** How near it is to a pod of its namespace; undefined: it is not for it. */
  levelFor({ services, labels, namespace }: Workload): Level | undefined {
    const { selector, targetRefs } = this.policy
    if (selector && selects(selector, labels)) {
      this.#reaches.add(0)
      return 'pods'
    }
    let level: Level | undefined
    for (const [at, { kind, name }] of targetRefs.entries()) {
      if (kind === 'Namespace') this.#reaches.add(at)
      else if (this.#services.has(name) && services.includes(`${name}.${namespace}`)) {
        this.#reaches.add(at)
        level = 'pods'
      }
    }
    if (targetRefs.length === 0 && !selector) this.#reaches.add(0)
    return level ?? (this.#wholeNamespace ? 'namespace' : undefined)
  }

  isBehind(issuer: string, other: PolicyInForce): void {
    this.#behind.set(issuer, other.policy.meta.name)
  }

  status(keys: KeysBySource, problems: PolicyProblem[]): PolicyStatus {
    const { kind, meta, targetRefs, rules } = this.policy
    const { namespace, name } = meta
    const tell = (problem: TokenProblem): void => void problems.push({ kind, namespace, name, ...problem })
    const keyProblems = rules.flatMap((rule, at) => keyProblem(rule, keys, `spec.jwtRules[${at}]`) ?? [])
    for (const problem of keyProblems) tell(problem)
    const conflict = this.#conflict()
    if (conflict) tell(conflict)
    const fetched = fetchedCondition(rules, keys, keyProblems)
    const ancestor = (ref: TokenTarget, at: number): AncestorStatus => {
      const wrong = this.#wrong[at]
      const field = targetRefs.length > 0 ? `spec.targetRefs[${at}]` : 'spec.selector'
      if (wrong) tell({ ...wrong, field: `${field}${wrong.field}` })
      const nothing = wrong || this.#reaches.has(at) ? undefined : nothingSelected(ref, field)
      if (nothing) tell(nothing)
      const conditions = [acceptedCondition(rules, wrong ?? conflict, nothing), ...fetched]
      return {
        ancestorRef: {
          group: ref.group,
          kind: ref.kind,
          ...(ref.kind === 'Namespace' ? {} : { namespace }),
          name: ref.name,
        },
        controllerName: CONTROLLER_NAME,
        conditions: conditions.map((one) => ({ ...one, observedGeneration: meta.generation })),
      }
    }
    const targets: readonly TokenTarget[] =
      targetRefs.length > 0 ? targetRefs : [{ group: '', kind: 'Namespace', name: namespace }]
    return { kind, namespace, name, ancestors: targets.map(ancestor) }
  }

  #conflict(): TokenProblem | undefined {
    const [first] = this.#behind
    if (first === undefined) return undefined
    const [issuer, other] = first
    const { namespace } = this.policy.meta
    return {
      reason: 'Conflicted',
      field: `spec.jwtRules[${this.policy.rules.findIndex((rule) => rule.issuer === issuer)}].issuer`,
      message: `RequestAuthentication ${namespace}/${other}, which is older or first by name, says already how tokens of ${issuer} are treated for pods of both`,
      remedy: 'take the issuer out of one of them, or let them select other pods',
      effect: 'For such pods the other one counts.',
    }
  }
}

/** With what is so meanwhile, where the policy is in force all the same. */
type TokenProblem = TargetProblem & Pick<PolicyProblem, 'effect'>

type Condition = Omit<PolicyCondition, 'observedGeneration'>

function acceptedCondition(
  rules: readonly TokenRule[],
  problem: TargetProblem | undefined,
  nothing: TargetProblem | undefined,
): Condition {
  if (problem) return { type: 'Accepted', status: 'False', reason: problem.reason, message: problem.message }
  const issuers = rules.map(({ issuer }) => issuer).join(', ')
  return {
    type: 'Accepted',
    status: 'True',
    reason: nothing ? nothing.reason : 'Accepted',
    message: nothing?.message ?? `in force: tokens of ${issuers}`,
  }
}

/** Left out where nothing is fetched. */
function fetchedCondition(
  rules: readonly TokenRule[],
  keys: KeysBySource,
  problems: readonly TokenProblem[],
): Condition[] {
  const sources = rules.flatMap(({ keys: own }) => (own.kind === 'inline' ? [] : [own]))
  if (sources.length === 0) return []
  const type = 'KeysFetched'
  if (problems.length > 0) {
    const message = problems.map((problem) => `${problem.message}. ${problem.effect}`).join(' ')
    return [{ type, status: 'False', reason: 'KeysNotFetched', message }]
  }
  if (sources.some((source) => !keys.has(sourceKey(source))))
    return [{ type, status: 'False', reason: 'Pending', message: 'not fetched yet' }]
  return [{ type, status: 'True', reason: 'KeysFetched', message: 'the keys of all issuers are here' }]
}

function nothingSelected({ kind, name }: TokenTarget, field: string): TokenProblem {
  return {
    reason: 'NothingSelected',
    field,
    message:
      kind === 'Service' ? `Service ${name} leads to no pod of the mesh` : 'it selects no pod of the mesh',
    remedy: 'correct it, or start such pods with a sidecar',
    effect: 'It verifies nothing, for now.',
  }
}

/** The rules for one pod: of each issuer those of the nearest policy, and of several there those of the oldest. */
function rulesOf(
  workload: Workload,
  policies: readonly PolicyInForce[],
  meshRules: readonly TokenRule[],
): readonly TokenRule[] {
  const levels = new Map(policies.map((policy) => [policy, policy.levelFor(workload)]))
  const found = new Map<string, TokenRule>()
  for (const level of LEVELS) {
    const here = new Map<string, PolicyInForce>()
    for (const policy of policies) {
      if (levels.get(policy) !== level) continue
      for (const rule of policy.policy.rules) {
        const first = here.get(rule.issuer)
        if (first) policy.isBehind(rule.issuer, first)
        else {
          here.set(rule.issuer, policy)
          if (!found.has(rule.issuer)) found.set(rule.issuer, rule)
        }
      }
    }
  }
  for (const rule of meshRules) if (!found.has(rule.issuer)) found.set(rule.issuer, rule)
  return [...found.values()]
}

function keysOf({ keys: own }: TokenRule, keys: KeysBySource): string {
  if (own.kind === 'inline') return own.text
  return keys.get(sourceKey(own))?.text ?? NO_KEYS
}

function keyProblem(
  { keys: own, issuer }: TokenRule,
  keys: KeysBySource,
  field: string,
): TokenProblem | undefined {
  if (own.kind === 'inline') return undefined
  const found = keys.get(sourceKey(own))
  if (!found?.problem) return undefined
  const { message, remedy } = found.problem
  return {
    reason: 'KeysNotFetched',
    field: `${field}.${own.kind === 'uri' ? 'jwksUri' : 'issuer'}`,
    message: `its keys cannot be fetched: ${message}`,
    remedy,
    effect:
      found.text === undefined
        ? `Tokens of ${issuer} are refused.`
        : 'Those that were fetched before stay in use.',
  }
}

/** Each once, with the longest time that anybody gives it. */
function sourcesOf(rules: readonly TokenRule[]): readonly KeySource[] {
  const sources = new Map<string, KeySource>()
  for (const { keys } of rules) {
    if (keys.kind === 'inline') continue
    const key = sourceKey(keys)
    const other = sources.get(key)
    if (!other || other.timeoutMs < keys.timeoutMs) sources.set(key, keys)
  }
  return [...sources.values()]
}

function olderFirst(
  { meta: a }: RequestAuthenticationObject,
  { meta: b }: RequestAuthenticationObject,
): number {
  return a.createdAt - b.createdAt || (`${a.namespace}/${a.name}` < `${b.namespace}/${b.name}` ? -1 : 1)
}

function keptTokens(before: MeshTokens, now: MeshTokens): MeshTokens {
  let same = before.providers.size === now.providers.size
  // Lists are shared: each is compared once.
  const compared = new Map<readonly TokenProvider[], readonly TokenProvider[]>()
  const providers = new Map<string, readonly TokenProvider[]>()
  for (const [key, list] of now.providers) {
    const earlier = before.providers.get(key)
    let kept = compared.get(list)
    if (kept === undefined) {
      kept = earlier !== undefined && isDeepStrictEqual(earlier, list) ? earlier : list
      compared.set(list, kept)
    }
    providers.set(key, kept)
    same &&= kept === earlier
  }
  const sources = isDeepStrictEqual(before.sources, now.sources) ? before.sources : now.sources
  const table = same ? before.providers : providers
  return table === before.providers && sources === before.sources ? before : { providers: table, sources }
}
