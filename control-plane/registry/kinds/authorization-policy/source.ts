import type { Fields } from '../../fields.ts'
import type { PolicySource } from './policy.ts'
import {
  exactly,
  ipBlock,
  readBoth,
  requestPrincipal,
  starProblem,
  textsWith,
  wildcard,
  type ValueCheck,
} from './values.ts'

const SCHEME = 'spiffe://'
/** SPIFFE-ID, section 2.1. */
const TRUST_DOMAIN = /^[a-z0-9._-]{1,255}$/
/** Section 2.2: segments of letters, digits, `-`, `_` and `.`; `*` was taken off already. */
const PATH = /^[A-Za-z0-9._/-]*$/
const LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/
const ACCOUNT = '[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?'

const SHAPE = 'write an identity such as cluster.local/ns/shop/sa/web, cluster.local/ns/shop/*, */sa/web or *'

/**
 * A SPIFFE ID, with or without its scheme. What begins one must be a whole trust domain: `cluster.local*` would also be
 * cluster.local.example. Without the scheme only IDs of Kubernetes are taken, since `shop/web` may be meant as one.
 */
const principal: ValueCheck = (value) => {
  if (value === '*') return undefined
  if (value.startsWith('*')) {
    const rest = value.slice(1)
    if (rest.includes('*')) return starProblem(value)
    return PATH.test(rest) ? undefined : `must end as a SPIFFE ID does, got ${JSON.stringify(value)}`
  }
  const written = value.startsWith(SCHEME) ? value.slice(SCHEME.length) : value
  const pattern = written.endsWith('*')
  const literal = pattern ? written.slice(0, -1) : written
  if (literal.includes('*')) return starProblem(value)
  const slash = literal.indexOf('/')
  const domain = slash < 0 ? '' : literal.slice(0, slash)
  const path = literal.slice(slash + 1)
  const ofKubernetes = path.startsWith('ns/') || (pattern && path === '')
  if (!TRUST_DOMAIN.test(domain) || (written === value && (domain === 'ns' || !ofKubernetes)))
    return { message: `has no trust domain, got ${JSON.stringify(value)}`, remedy: SHAPE }
  if (!PATH.test(path) || (path === '' && !pattern))
    return { message: `is no identity, got ${JSON.stringify(value)}`, remedy: SHAPE }
  return undefined
}

/** Names of namespaces hold no dot: one in the policy would be on nobody. */
const namespace: ValueCheck = wildcard({ pattern: /^[-a-z0-9]{1,63}$/, is: 'the name of a namespace' })

const serviceAccount: ValueCheck = (value) => {
  const [name = '', owner, ...more] = value.split('/').toReversed()
  if (value.includes('*'))
    return {
      message: `takes no *, got ${JSON.stringify(value)}`,
      remedy: 'name the account, or write its namespace into namespaces',
    }
  if (
    new RegExp(`^${ACCOUNT}$`).test(name) &&
    (owner === undefined || LABEL.test(owner)) &&
    more.length === 0
  )
    return undefined
  return `must be a service account, as namespace/name, or name for one of this namespace, got ${JSON.stringify(value)}`
}

const trustDomain = exactly({ pattern: TRUST_DOMAIN, is: 'a trust domain such as cluster.local' })

/** One entry of `from`. */
export function readSource(entry: Fields): PolicySource {
  if (!entry.has('source')) entry.problem('is required: who calls', 'source')
  const source = entry.map('source')
  const read = (name: string, check: ValueCheck) => readBoth(source, name, textsWith(check))
  const all = {
    principals: read('principals', principal),
    namespaces: read('namespaces', namespace),
    serviceAccounts: read('serviceAccounts', serviceAccount),
    ipBlocks: read('ipBlocks', ipBlock),
    trustDomains: read('trustDomains', trustDomain),
    requestPrincipals: read('requestPrincipals', requestPrincipal),
  }
  source.refuseUnknown({ nulls: true })
  entry.refuseUnknown({ nulls: true })
  const said = Object.entries(all).filter(([, value]) => value !== undefined)
  if (entry.has('source') && said.length === 0)
    source.problemWith('name who calls; for whoever it is leave from out', 'needs a field')
  return Object.fromEntries(said)
}
