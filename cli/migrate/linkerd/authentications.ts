import type { Fields } from '../../../control-plane/registry/fields.ts'
import type { JsonObject } from '../../../injector/json-patch.ts'
import type { KnownObjects } from '../known-objects.ts'
import { withoutEmpty, type ObjectId } from '../manifests.ts'
import { Notes } from '../notes.ts'
import { ruleProblems } from '../policy-manifests.ts'

export const POLICY_GROUP = 'policy.linkerd.io'
/** `web.shop.serviceaccount.identity.linkerd.cluster.local`: account, namespace; the account may hold dots. */
const IDENTITY = /^(.+)\.([a-z0-9][-a-z0-9]*)\.serviceaccount\.identity\.[a-z0-9][-a-z0-9]*\.[a-z0-9.-]+$/

/** Sources of a rule, of which any may be the caller: of a MeshTLSAuthentication. */
export function readMeshTls(object: Fields, own: ObjectId, notes: Notes): readonly JsonObject[] {
  const spec = object.map('spec')
  const identities = spec.texts('identities').map((identity, at) => {
    const source = sourceOfIdentity(identity)
    if (!source)
      notes.lost(
        [...spec.path, 'identities', at],
        `${JSON.stringify(identity)} is no identity that is known here, and is left out`,
        'name an account, NAME.NAMESPACE.serviceaccount.identity.linkerd.DOMAIN, or all of a namespace by *',
      )
    return source
  })
  const refs = spec.list('identityRefs', (ref) => readReference(ref, own, notes))
  spec.refuseUnknown()
  return merged([...identities, ...refs].filter((source) => source !== undefined))
}

function sourceOfIdentity(identity: string): JsonObject | undefined {
  if (identity === '*') return { principals: ['*'] }
  if (identity.startsWith('spiffe://')) return taken({ principals: [identity] })
  const [, account = '', namespace = ''] = IDENTITY.exec(identity) ?? []
  if (account === '') return undefined
  return taken(
    account === '*' ? { namespaces: [namespace] } : { serviceAccounts: [`${namespace}/${account}`] },
  )
}

function taken(source: JsonObject): JsonObject | undefined {
  return ruleProblems({ from: [{ source }] }).length === 0 ? source : undefined
}

/** A ServiceAccount, or the Namespace of some. */
export function readReference(ref: Fields, own: ObjectId, notes: Notes): JsonObject | undefined {
  const kind = ref.requiredText('kind')
  const name = ref.requiredText('name')
  const namespace = ref.text('namespace') ?? own.namespace
  ref.skip('group')
  ref.refuseUnknown()
  const source =
    kind === 'ServiceAccount'
      ? taken({ serviceAccounts: [`${namespace}/${name}`] })
      : kind === 'Namespace'
        ? taken({ namespaces: [name] })
        : undefined
  if (!source)
    notes.lost(ref.path, 'is neither a ServiceAccount nor a Namespace, and is left out', 'name one of these')
  return source
}

/** The same of a NetworkAuthentication. */
export function readNetworks(object: Fields, notes: Notes): readonly JsonObject[] {
  const spec = object.map('spec')
  const sources = spec.list('networks', (network): JsonObject | undefined => {
    const cidr = network.requiredText('cidr')
    const source = withoutEmpty({ ipBlocks: [cidr], notIpBlocks: network.texts('except') })
    network.refuseUnknown()
    if (taken(source)) return source
    notes.lost(network.path, 'is no block of addresses, and is left out', 'write one such as 10.0.0.0/8')
    return undefined
  })
  spec.refuseUnknown()
  return sources.filter((source) => source !== undefined)
}

/** What an AuthorizationPolicy asks of the caller: any of the sources; empty: nothing. Undefined: nobody is let in by it. */
export function requiredSources(
  spec: Fields,
  own: ObjectId,
  { known, notes }: { readonly known: KnownObjects; readonly notes: Notes },
): readonly JsonObject[] | undefined {
  const before = notes.losses
  const byKind = new Map<string, readonly JsonObject[]>()
  spec.list('requiredAuthenticationRefs', (ref) => {
    const kind = ref.requiredText('kind')
    const about = kind === 'NetworkAuthentication' ? 'network' : 'identity'
    if (byKind.has(about))
      notes.lost(ref.path, `asks for a second ${about}, which no caller has`, 'write a policy for each')
    byKind.set(about, referred(ref, kind, own, { known, notes }))
  })
  const all = [...byKind.values()]
  if (notes.losses > before || all.some((sources) => sources.length === 0)) return undefined
  return all.reduce<readonly JsonObject[]>(
    (left, right) =>
      left.length === 0 ? right : left.flatMap((one) => right.map((other) => ({ ...one, ...other }))),
    [],
  )
}

function referred(
  ref: Fields,
  kind: string,
  own: ObjectId,
  { known, notes }: { readonly known: KnownObjects; readonly notes: Notes },
): readonly JsonObject[] {
  if (kind === 'ServiceAccount') {
    const source = readReference(ref, own, notes)
    return source ? [source] : []
  }
  const name = ref.requiredText('name')
  const namespace = ref.text('namespace') ?? own.namespace
  ref.skip('group')
  ref.refuseUnknown()
  const found = known
    .ofKind(kind, POLICY_GROUP)
    .find((object) => object.namespace === namespace && object.name === name)
  if (!found || (kind !== 'MeshTLSAuthentication' && kind !== 'NetworkAuthentication')) {
    notes.lost(
      ref.path,
      `${kind} ${namespace}/${name} is not in the input, so that nobody is let in by this policy`,
      'add it to the input',
    )
    return []
  }
  // What is wrong with it is said where it stands.
  const theirs = new Notes(found)
  return kind === 'MeshTLSAuthentication'
    ? readMeshTls(theirs.fields(), { namespace, name }, theirs)
    : readNetworks(theirs.fields(), theirs)
}

/** Sources of one field each as few as can be. */
function merged(sources: readonly JsonObject[]): readonly JsonObject[] {
  const byField = new Map<string, Set<string>>()
  for (const source of sources)
    for (const [field, values] of Object.entries(source)) {
      const all = byField.get(field) ?? new Set()
      if (Array.isArray(values)) for (const value of values) if (typeof value === 'string') all.add(value)
      byField.set(field, all)
    }
  if (byField.get('principals')?.has('*')) return [{ principals: ['*'] }]
  return [...byField].map(([field, values]) => ({ [field]: [...values] }))
}
