import { didYouMean } from '../../../core/closest-name.ts'
import type { Problem } from '../../../core/problem.ts'
import type { AuthorizationPolicyObject } from '../../registry/kinds/authorization-policy/policy.ts'
import { findingOf, nameOf, type CheckedMesh } from './checked-mesh.ts'

const SCHEME = 'spiffe://'

/** Whom rules name that is not there: service accounts, namespaces, trust domains. */
export function callerFindings(checked: CheckedMesh): Problem[] {
  return [...checked.snapshot.authorizationPolicies.values()].flatMap((policy) =>
    (policy.rules ?? []).flatMap((rule, index) =>
      rule.from.flatMap((source, at) => {
        const field = `spec.rules[${index}].from[${at}].source`
        const named = new Named(policy, checked)
        for (const list of ['values', 'notValues'] as const) {
          const word = (name: string): string =>
            list === 'values' ? name : `not${name.charAt(0).toUpperCase()}${name.slice(1)}`
          for (const [i, value] of source.principals?.[list].entries() ?? [])
            named.principal(value, `${field}.${word('principals')}[${i}]`)
          for (const [i, value] of source.serviceAccounts?.[list].entries() ?? [])
            named.account(value, `${field}.${word('serviceAccounts')}[${i}]`)
          for (const [i, value] of source.namespaces?.[list].entries() ?? [])
            named.namespace(value, `${field}.${word('namespaces')}[${i}]`)
          for (const [i, value] of source.trustDomains?.[list].entries() ?? [])
            named.domain(value, `${field}.${word('trustDomains')}[${i}]`)
        }
        return named.problems
      }),
    ),
  )
}

/** Callers that one rule names, each held against what is there. */
class Named {
  readonly problems: Problem[] = []
  readonly #policy: AuthorizationPolicyObject
  readonly #checked: CheckedMesh

  constructor(policy: AuthorizationPolicyObject, checked: CheckedMesh) {
    this.#policy = policy
    this.#checked = checked
  }

  /** `cluster.local/ns/shop/sa/web`, also with its scheme or a `*` at one of its ends. */
  principal(value: string, field: string): void {
    const written = value.startsWith(SCHEME) ? value.slice(SCHEME.length) : value
    const [, domain = '', namespace, account] =
      /^([^/]*)(?:\/ns\/([^/*]+)(?:\/sa\/([^/*]+))?)?/.exec(written) ?? []
    if (domain !== '*' && domain !== '' && !this.#own(domain)) {
      // What is in another trust domain, nobody can tell from here.
      this.domain(domain, field)
      return
    }
    if (namespace !== undefined && account !== undefined) this.#known(namespace, account, field)
    else if (namespace !== undefined && written.startsWith(`${domain}/ns/${namespace}/`))
      this.namespace(namespace, field)
  }

  account(value: string, field: string): void {
    const [name = '', owner = this.#policy.meta.namespace] = value.split('/').toReversed()
    this.#known(owner, name, field)
  }

  namespace(value: string, field: string): void {
    const { namespaces } = this.#checked
    if (value.includes('*') || namespaces.size === 0 || namespaces.has(value)) return
    this.#tell('WEFT0311', field, `there is no namespace ${value}`, [...namespaces], value)
  }

  domain(value: string, field: string): void {
    const { trustDomain, trust } = this.#checked.mesh
    if (value.includes('*') || this.#own(value) || Object.hasOwn(trust.federated, value)) return
    const known = [trustDomain, ...trust.names, ...Object.keys(trust.federated)]
    this.#tell('WEFT0312', field, `no certificate of the trust domain ${value} is taken`, known, value)
  }

  #known(namespace: string, account: string, field: string): void {
    const { namespaces, snapshot, pods } = this.#checked
    if (!namespaces.has(namespace)) return this.namespace(namespace, field)
    // Each namespace has one of this name.
    if (account === 'default' || snapshot.serviceAccounts.has(`${namespace}/${account}`)) return
    const inUse = pods.filter(({ meta }) => meta.namespace === namespace)
    if (inUse.some(({ serviceAccount }) => serviceAccount === account)) return
    const names = [...snapshot.serviceAccounts.values()]
      .filter(({ meta }) => meta.namespace === namespace)
      .map(({ meta }) => meta.name)
    this.#tell('WEFT0310', field, `there is no ServiceAccount ${namespace}/${account}`, names, account)
  }

  #own(domain: string): boolean {
    const { trustDomain, trustDomainAliases, trust } = this.#checked.mesh
    return domain === trustDomain || trustDomainAliases.includes(domain) || trust.names.includes(domain)
  }

  #tell(
    code: 'WEFT0310' | 'WEFT0311' | 'WEFT0312',
    field: string,
    what: string,
    known: readonly string[],
    written: string,
  ): void {
    const message = `${what}, so that the rule is not about anybody there`
    const remedy = didYouMean(written, known, 'correct the name, or add what is missing')
    this.problems.push(findingOf(code, nameOf(this.#policy), field, { message, remedy }))
  }
}
