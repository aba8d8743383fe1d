import { isIP } from 'node:net'
import type { Call } from './scene.ts'
import type {
  DefaultDecision,
  WrittenCondition,
  WrittenMeshPolicy,
  WrittenObject,
  WrittenOperation,
  WrittenPolicy,
  WrittenRule,
  WrittenSource,
} from './written.ts'
import { PODS, SERVICES, type Pod } from './world.ts'

// docs/security.md, word by word, and without anything of the product: slow, and as plain as can be. It knows nothing of
// routes as targets.

export interface Verdict {
  readonly allowed: boolean
  /** `namespace/policy/index`, or '' where none decided. */
  readonly rule: string
}

export interface NaiveDecision extends Verdict {
  /** If dry runs were in force. */
  readonly dry: Verdict
  readonly audited: readonly string[]
}

const OWN = 'cluster.local'

/** What becomes of a call by what is written. */
export function naiveDecision(objects: readonly WrittenObject[], call: Call): NaiveDecision {
  const pod = PODS[call.pod]
  if (!pod) throw new Error(`world.ts has no pod ${call.pod}`)
  const policies = objects.filter((object) => object.kind === 'AuthorizationPolicy')
  const mesh = objects.find((object) => object.kind === 'MeshPolicy')
  const onTrial = new Set(mesh?.spec.authorization?.dryRunNamespaces)
  const covering = policies.filter((policy) => covers(policy, pod, call.port))
  const enforced = covering.filter(
    ({ metadata, spec }) => spec.mode !== 'DryRun' && !onTrial.has(metadata.namespace),
  )
  const standard = defaultOf(mesh, pod.namespace)
  return {
    ...verdictOf(enforced, onTrial.has(pod.namespace) ? 'Allow' : standard, pod, call),
    dry: verdictOf(covering, standard, pod, call),
    audited: covering
      .filter(
        ({ spec }) => spec.action === 'AUDIT' && (spec.appliesToSelf === true || !callsItself(pod, call)),
      )
      .flatMap((policy) => matchingRules(policy, call, true))
      .toSorted(),
  }
}

function defaultOf(mesh: WrittenMeshPolicy | undefined, namespace: string): DefaultDecision {
  const exception = mesh?.spec.namespaces?.find(({ name }) => name === namespace)?.authorization?.default
  return exception ?? mesh?.spec.authorization?.default ?? 'Allow'
}

function covers({ metadata, spec }: WrittenPolicy, pod: Pod, port: number): boolean {
  if (spec.selector)
    return metadata.namespace === pod.namespace && hasAll(pod.labels, spec.selector.matchLabels)
  if (!spec.targetRefs) return metadata.namespace === 'weft-system' || metadata.namespace === pod.namespace
  return spec.targetRefs.some(({ kind, name }) => {
    if (metadata.namespace !== pod.namespace) return false
    if (kind === 'Namespace') return true
    if (kind !== 'Service') throw new Error('the naive evaluator knows nothing of routes')
    const service = SERVICES.find((one) => one.namespace === metadata.namespace && one.name === name)
    return (
      service !== undefined &&
      hasAll(pod.labels, service.selector) &&
      service.ports.some(({ targetPort }) => targetPort === port)
    )
  })
}

function hasAll(labels: Readonly<Record<string, string>>, wanted: Readonly<Record<string, string>>): boolean {
  return Object.entries(wanted).every(([key, value]) => labels[key] === value)
}

function verdictOf(
  covering: readonly WrittenPolicy[],
  standard: DefaultDecision,
  pod: Pod,
  call: Call,
): Verdict {
  const self = callsItself(pod, call)
  const denied = covering
    .filter(({ spec }) => spec.action === 'DENY' && !(self && spec.appliesToSelf !== true))
    .flatMap((policy) => matchingRules(policy, call, true))
    .toSorted()
  if (denied.length > 0) return { allowed: false, rule: denied[0] ?? '' }
  const allowing = covering.filter(({ spec }) => (spec.action ?? 'ALLOW') === 'ALLOW')
  if (allowing.length > 0) {
    const toItself = self && allowing.every(({ spec }) => spec.appliesToSelf !== true)
    const allowed = allowing.flatMap((policy) => matchingRules(policy, call, false)).toSorted()
    if (toItself) allowed.unshift('mesh/self')
    return { allowed: allowed.length > 0, rule: allowed[0] ?? '' }
  }
  if (standard === 'Allow') return { allowed: true, rule: '' }
  if (standard === 'SameNamespace' && call.identity.startsWith(`spiffe://${OWN}/ns/${pod.namespace}/`))
    return { allowed: true, rule: 'mesh/default/SameNamespace' }
  return self ? { allowed: true, rule: 'mesh/self' } : { allowed: false, rule: '' }
}

function callsItself({ namespace, account, address }: Pod, call: Call): boolean {
  return call.identity === `spiffe://${OWN}/ns/${namespace}/sa/${account}` && plain(call.address) === address
}

function nameOf({ metadata }: WrittenPolicy): string {
  return `${metadata.namespace}/${metadata.name}`
}

/** `unknown` is what comes of what cannot be told: true where a match refuses, false where it lets in. */
function matchingRules(policy: WrittenPolicy, call: Call, unknown: boolean): string[] {
  return (policy.spec.rules ?? []).flatMap((rule, index) =>
    ruleHolds(rule, policy.metadata.namespace, call, unknown) ? [`${nameOf(policy)}/${index}`] : [],
  )
}

function ruleHolds(rule: WrittenRule, namespace: string, call: Call, unknown: boolean): boolean {
  if (call.bytes && !unknown && saysHttp(rule)) return false
  const from = rule.from?.some(({ source }) => sourceHolds(source, namespace, call, unknown)) ?? true
  const to = rule.to?.some(({ operation }) => operationHolds(operation, call, unknown)) ?? true
  const when = rule.when?.every((condition) => conditionHolds(condition, call, unknown)) ?? true
  return from && to && when
}

function saysHttp({ from = [], to = [], when = [] }: WrittenRule): boolean {
  return (
    from.some(({ source }) => source.requestPrincipals ?? source.notRequestPrincipals) ||
    to.some(({ operation }) =>
      ['methods', 'paths', 'hosts', 'grpc', 'notMethods', 'notPaths', 'notHosts', 'notGrpc'].some(
        (field) => field in operation,
      ),
    ) ||
    when.some(({ key }) => key.startsWith('request.'))
  )
}

/** A list and its `not` form: of the one any, of the other none. */
function holds<T>(
  list: readonly T[] | undefined,
  not: readonly T[] | undefined,
  test: (value: T) => boolean,
): boolean {
  return (list?.some(test) ?? true) && !(not?.some(test) ?? false)
}

function sourceHolds(source: WrittenSource, namespace: string, call: Call, unknown: boolean): boolean {
  const { identity } = call
  const token = principalOf(call)
  const http = (result: () => boolean): boolean => (call.bytes ? unknown : result())
  return (
    holds(
      source.principals,
      source.notPrincipals,
      (value) =>
        identity !== '' &&
        (value === '*' || alike(/^(\*|spiffe:)/.test(value) ? value : `spiffe://${value}`, identity)),
    ) &&
    holds(source.namespaces, source.notNamespaces, (value) => {
      const name = new RegExp(`^spiffe://${RegExp.escape(OWN)}/ns/([^/]+)/`).exec(identity)?.[1]
      return name !== undefined && alike(value, name)
    }) &&
    holds(source.serviceAccounts, source.notServiceAccounts, (value) => {
      const [space, account] = value.includes('/') ? value.split('/') : [namespace, value]
      return identity === `spiffe://${OWN}/ns/${space}/sa/${account}`
    }) &&
    holds(source.trustDomains, source.notTrustDomains, (value) =>
      identity.startsWith(`spiffe://${value}/`),
    ) &&
    holds(source.ipBlocks, source.notIpBlocks, (value) => inBlock(value, call.address)) &&
    (source.requestPrincipals || source.notRequestPrincipals
      ? http(() =>
          holds(
            source.requestPrincipals,
            source.notRequestPrincipals,
            (value) => token !== undefined && alike(value, token),
          ),
        )
      : true)
  )
}

function operationHolds(operation: WrittenOperation, call: Call, unknown: boolean): boolean {
  const path = call.path.split('?')[0] ?? ''
  /** What only some of those would say who read the path cannot be told. */
  const pathsHold = (
    list: readonly string[] | undefined,
    not: readonly string[] | undefined,
    test: (value: string, text: string) => boolean,
  ): boolean => {
    const read = lenient(path)
    const told = (value: string): boolean | undefined => {
      const strict = test(value, path)
      if (strict && !(value.startsWith('*') && value !== '*')) return true
      return strict === test(value.toLowerCase(), read) ? strict : undefined
    }
    const some = (values: readonly string[]): boolean | undefined => {
      const all = values.map(told)
      return all.includes(true) ? true : all.includes(undefined) ? undefined : false
    }
    const wanted = list ? (some(list) ?? unknown) : true
    const unwanted = not ? (some(not) ?? !unknown) : false
    return wanted && !unwanted
  }
  if (!holds(operation.ports, operation.notPorts, (value) => value === call.port)) return false
  if (!holds(operation.snis, operation.notSnis, (value) => call.sni !== '' && alike(value, call.sni)))
    return false
  if (call.bytes) return unknown || !saysHttp({ to: [{ operation }] })
  return (
    holds(operation.methods, operation.notMethods, (value) => value === call.method) &&
    pathsHold(operation.paths, operation.notPaths, (value, text) =>
      value.includes('{') ? likeTemplate(value, text) : alike(value, text),
    ) &&
    holds(operation.hosts, operation.notHosts, (value) => {
      const [wanted, host] = [value.toLowerCase(), call.host.toLowerCase()]
      return alike(wanted, host) || alike(wanted, host.replace(/:\d+$/, ''))
    }) &&
    pathsHold(
      operation.grpc?.map(({ service, method }) => `/${service}/${method ?? '*'}`),
      operation.notGrpc?.map(({ service, method }) => `/${service}/${method ?? '*'}`),
      alike,
    )
  )
}

function conditionHolds({ key, values, notValues }: WrittenCondition, call: Call, unknown: boolean): boolean {
  if (call.bytes && key.startsWith('request.')) return unknown
  if (key === 'source.ip') return holds(values, notValues, (value) => inBlock(value, call.address))
  if (key === 'destination.port') return holds(values, notValues, (value) => Number(value) === call.port)
  const found = textsOf(key, call)
  // What is no text is like nothing that can be told, but it is there.
  const unreadable = key.startsWith('request.headers') && found.some((text) => !isUtf8(text))
  const like = (value: string): boolean =>
    value === '*' ? found.length > 0 : found.some((text) => isUtf8(text) && alike(value, text))
  const some = (list: readonly string[]): boolean | undefined =>
    list.some(like) ? true : unreadable ? undefined : false
  const wanted = values ? (some(values) ?? unknown) : true
  const unwanted = notValues ? (some(notValues) ?? !unknown) : false
  return wanted && !unwanted
}

/** What a key of `when` is held against. */
function textsOf(key: string, call: Call): string[] {
  if (key === 'connection.sni') return call.sni === '' ? [] : [call.sni]
  if (key === 'request.auth.principal') return textsIn(principalOf(call))
  if (key === 'request.auth.audiences') return textsIn(own(call.claims, 'aud'))
  if (key === 'request.auth.presenter') return textsIn(own(call.claims, 'azp'))
  const names = [...key.matchAll(/\[([^\]]+)\]/g)].map(([, name = '']) => name)
  if (key.startsWith('request.auth.claims')) return textsIn(names.reduce<unknown>(own, call.claims))
  const wanted = (names[0] ?? '').toLowerCase()
  const found = call.headers.filter(([name]) => name.toLowerCase() === wanted).map(([, value]) => value)
  return found.length > 1 ? [...found, found.join(',')] : found
}

function own(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  return new Map(Object.entries(value)).get(name)
}

function textsIn(claim: unknown): string[] {
  return (Array.isArray(claim) ? claim : [claim]).filter((one) => typeof one === 'string')
}

function principalOf({ claims }: Call): string | undefined {
  const [iss, sub] = [own(claims, 'iss'), own(claims, 'sub')]
  return typeof iss === 'string' && typeof sub === 'string' ? `${iss}/${sub}` : undefined
}

/** Whole, or with `*` at one end. */
function alike(pattern: string, text: string): boolean {
  if (pattern.endsWith('*')) return text.startsWith(pattern.slice(0, -1))
  if (pattern.startsWith('*')) return text.endsWith(pattern.slice(1))
  return text === pattern
}

/** %2F and %5C are slashes, what follows a ; is none of its segment, and case does not count. */
function lenient(path: string): string {
  return path
    .toLowerCase()
    .split(/\/|%2f|%5c/)
    .map((segment) => segment.split(/;|%3b/)[0] ?? '')
    .join('/')
    .replace(/\/+/g, '/')
}

function likeTemplate(template: string, path: string): boolean {
  const [wanted, segments] = [template.split('/'), path.split('/')]
  const rest = wanted.at(-1) === '{**}'
  if (rest ? segments.length < wanted.length : segments.length !== wanted.length) return false
  return wanted.every((want, at) => {
    if (want === '{**}') return true
    return want === '{*}' ? segments[at] !== '' : segments[at] === want
  })
}

function inBlock(block: string, address: string): boolean {
  const [prefix = '', bits] = block.split('/')
  const [one, other] = [bitsOf(plain(prefix)), bitsOf(plain(address))]
  if (one.length !== other.length) return false
  const length = bits === undefined ? one.length : Number(bits)
  return one.slice(0, length) === other.slice(0, length)
}

/** ::ffff:10.0.0.1 is 10.0.0.1. */
function plain(address: string): string {
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address
}

/** As many characters 0 and 1 as the address has bits. */
function bitsOf(address: string): string {
  if (isIP(address) === 4)
    return address
      .split('.')
      .map((part) => Number(part).toString(2).padStart(8, '0'))
      .join('')
  const [left = '', right] = address.split('::')
  const words = (text: string): string[] => (text === '' ? [] : text.split(':'))
  const [before, after] = [words(left), words(right ?? '')]
  const zeros = right === undefined ? [] : Array<string>(8 - before.length - after.length).fill('0')
  return [...before, ...zeros, ...after]
    .map((word) => parseInt(word, 16).toString(2).padStart(16, '0'))
    .join('')
}

function isUtf8(text: string): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(text, 'latin1'))
    return true
  } catch {
    return false
  }
}
