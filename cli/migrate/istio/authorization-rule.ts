import type { FieldPath, Fields } from '../../../control-plane/registry/fields.ts'
import type { JsonObject } from '../../../injector/json-patch.ts'
import { withoutEmpty, type ObjectId } from '../manifests.ts'
import type { Notes } from '../notes.ts'
import { ruleProblems, type PolicyRule } from '../policy-manifests.ts'
import { ROOT_NAMESPACE } from './root-namespace.ts'

const NO_HEADER_SAYS_WHERE =
  'say ipBlocks, which is the address of the connection; behind a way in it is that of the way in'
/** Conditions on the caller, which are fields of `source` here. */
const OF_THE_SOURCE: Readonly<Record<string, string>> = {
  'source.principal': 'principals',
  'source.namespace': 'namespaces',
  'source.serviceAccount': 'serviceAccounts',
}

interface RuleReading {
  readonly own: ObjectId
  readonly action: string
  readonly notes: Notes
}

interface Condition {
  readonly path: FieldPath
  readonly key: string
  readonly values: readonly string[]
  readonly notValues: readonly string[]
}

/** One rule; undefined, with what is missing told, where not all of it can be said. */
export function readAuthorizationRule(rule: Fields, reading: RuleReading): PolicyRule | undefined {
  const { notes, action } = reading
  const before = notes.losses
  const from = rule.list('from', (entry) => {
    const source = readSource(entry.map('source'), reading)
    entry.refuseUnknown()
    return source
  })
  const to = rule.list('to', (entry) => {
    const operation = readOperation(entry.map('operation'), notes)
    entry.refuseUnknown()
    return { operation }
  })
  const conditions = rule.list('when', (entry): Condition => {
    const condition = {
      path: entry.path,
      key: entry.requiredText('key'),
      values: entry.texts('values'),
      notValues: entry.texts('notValues'),
    }
    entry.refuseUnknown()
    return condition
  })
  rule.refuseUnknown()
  const sources = withConditions(from, conditions, reading)
  const when = conditions.filter(({ key }) => !Object.hasOwn(OF_THE_SOURCE, key))
  for (const { key, path } of when)
    if (key.startsWith('request.auth.claims[scope]'))
      notes.changed(
        path,
        'compares the claim as one value, where Istio takes each word of it by itself',
        'use a claim that is a list where tokens have several scopes',
      )
  const made: PolicyRule = {
    from: sources.map((source) => ({ source })),
    to,
    when: when.map(({ key, values, notValues }) =>
      withoutEmpty({ key, values: [...values], notValues: [...notValues] }),
    ),
  }
  if (notes.losses === before)
    for (const { path, message, remedy = 'correct it' } of ruleProblems(made)) {
      const [list, index, ...rest] = path
      const place = list === 'when' ? when[Number(index)]?.path : undefined
      notes.lost(place ? [...place, ...rest] : [...rule.path, ...path], message, remedy)
    }
  if (notes.losses === before) return made
  notes.lost(
    rule.path,
    action === 'ALLOW'
      ? 'becomes no rule, and what it alone allows is refused'
      : action === 'DENY'
        ? 'becomes no rule, and what it alone refuses is let in'
        : 'becomes no rule, and what it alone notes is not noted',
    'correct it and convert it again',
  )
  return undefined
}

function readSource(source: Fields, { own, notes }: RuleReading): JsonObject {
  notes.withoutCounterpart(source, {
    remoteIpBlocks: NO_HEADER_SAYS_WHERE,
    notRemoteIpBlocks: NO_HEADER_SAYS_WHERE,
  })
  const read = (...names: string[]): JsonObject =>
    Object.fromEntries(names.map((name) => [name, source.texts(name)]))
  const accounts = (name: string): string[] => source.texts(name).map((one) => account(one, own))
  const all = {
    ...read('principals', 'notPrincipals', 'namespaces', 'notNamespaces'),
    serviceAccounts: accounts('serviceAccounts'),
    notServiceAccounts: accounts('notServiceAccounts'),
    ...read('ipBlocks', 'notIpBlocks', 'requestPrincipals', 'notRequestPrincipals'),
  }
  source.refuseUnknown()
  return withoutEmpty(all)
}

/** One without a namespace is of the policy's, which may be another here. */
function account(written: string, { namespace }: ObjectId): string {
  return namespace === ROOT_NAMESPACE && !written.includes('/') ? `${namespace}/${written}` : written
}

function readOperation(operation: Fields, notes: Notes): JsonObject {
  const read = (name: string): string[] => operation.texts(name)
  const ports = (name: string): number[] =>
    read(name).flatMap((port, at) => {
      if (/^[1-9]\d{0,4}$/.test(port)) return [Number(port)]
      operation.problem(`must be a port in quotes, got ${JSON.stringify(port)}`, name, at)
      return []
    })
  const hosts = (name: string): string[] => hostsOf(operation, name, notes)
  const all = {
    hosts: hosts('hosts'),
    notHosts: hosts('notHosts'),
    ports: ports('ports'),
    notPorts: ports('notPorts'),
    methods: read('methods'),
    notMethods: read('notMethods'),
    paths: read('paths'),
    notPaths: read('notPaths'),
  }
  operation.refuseUnknown()
  return withoutEmpty(all)
}

/** Those that Istio's `NAME:*` stands beside hold for every port by themselves. */
function hostsOf(operation: Fields, name: string, notes: Notes): string[] {
  const written = operation.texts(name)
  const anyPort = written.filter((host) => host.endsWith(':*') && written.includes(host.slice(0, -2)))
  const kept = written.filter((host) => !anyPort.includes(host))
  const alone = kept.filter((host) => !/[*]$|:\d+$|:\*$/.test(host) && !anyPort.includes(`${host}:*`))
  if (alone.length > 0)
    notes.changed(
      [...operation.path, name],
      `${alone.join(', ')} holds for every port of the host, and in Istio where none is said`,
      'name the port, as in shop.example:8080, where that matters',
    )
  return kept
}

/** What `when` says of the caller beside what each source says. */
function withConditions(
  sources: readonly JsonObject[],
  conditions: readonly Condition[],
  { own, notes }: RuleReading,
): readonly JsonObject[] {
  let all: readonly JsonObject[] = sources
  for (const { path, key, values, notValues } of conditions) {
    const field = Object.hasOwn(OF_THE_SOURCE, key) ? (OF_THE_SOURCE[key] ?? '') : ''
    if (field === '') continue
    const negative = `not${field.charAt(0).toUpperCase()}${field.slice(1)}`
    const named = (list: readonly string[]): string[] =>
      list.map((one) => (field === 'serviceAccounts' ? account(one, own) : one))
    all = (all.length > 0 ? all : [{}]).map((source) => {
      const { [field]: positive, [negative]: none } = source
      if (positive !== undefined && values.length > 0)
        notes.lost(
          path,
          `asks for ${key} once more, beside from.source.${field}`,
          `leave in from.source.${field} those that both name`,
        )
      return withoutEmpty({
        ...source,
        [field]: positive ?? named(values),
        [negative]: [...(Array.isArray(none) ? none : []), ...named(notValues)],
      })
    })
    if (values.length + notValues.length === 0)
      notes.lost(path, 'needs values or notValues', 'say what it must be, or must not be')
  }
  return all
}
