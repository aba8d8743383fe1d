import type { Matcher } from '../../../core/authorization/rules.ts'
import { all, any, exact, prefix, suffix } from './matchers.ts'

/** The mesh's own trust domain and its aliases: each of them stands for all. */
export type TrustDomains = readonly string[]

const SCHEME = 'spiffe://'

/** Of a SPIFFE ID as policies write it: in full, or with `*` for all, its beginning or its end. */
export function principalMatcher(value: string, domains: TrustDomains): Matcher {
  if (value === '*') return { kind: 'identity', match: undefined }
  if (value.startsWith('*')) return { kind: 'identity', match: suffix(value.slice(1)) }
  const written = value.startsWith(SCHEME) ? value.slice(SCHEME.length) : value
  const slash = written.indexOf('/')
  const path = written.slice(slash)
  return any(
    sameDomains(written.slice(0, slash), domains).map((domain): Matcher => {
      const id = `${SCHEME}${domain}${path}`
      return { kind: 'identity', match: id.endsWith('*') ? prefix(id.slice(0, -1)) : exact(id) }
    }),
  )
}

/** Names of namespaces and accounts hold no slash, so that what stands between two of them is a whole name. */
export function namespaceMatcher(value: string, domains: TrustDomains): Matcher {
  return any(
    domains.map((domain) => {
      const root = `${SCHEME}${domain}/ns/`
      const beginning = (text: string): Matcher => ({ kind: 'identity', match: prefix(`${root}${text}`) })
      if (!value.startsWith('*')) return beginning(value.endsWith('*') ? value.slice(0, -1) : `${value}/`)
      if (value === '*') return beginning('')
      const end: Matcher = {
        kind: 'identity',
        match: { type: 'contains', value: `${value.slice(1)}/sa/`, ignoreCase: false },
      }
      return all([beginning(''), end])
    }),
  )
}

/** `namespace/name`, or a name in `namespace`. */
export function serviceAccountMatcher(value: string, namespace: string, domains: TrustDomains): Matcher {
  const [name = '', owner = namespace] = value.split('/').toReversed()
  return any(
    domains.map((domain): Matcher => ({
      kind: 'identity',
      match: exact(`${SCHEME}${domain}/ns/${owner}/sa/${name}`),
    })),
  )
}

export function trustDomainMatcher(value: string, domains: TrustDomains): Matcher {
  return any(
    sameDomains(value, domains).map((domain): Matcher => ({
      kind: 'identity',
      match: prefix(`${SCHEME}${domain}/`),
    })),
  )
}

/** A domain of the mesh's own stands for all of them; another for itself. */
function sameDomains(domain: string, domains: TrustDomains): TrustDomains {
  return domains.includes(domain) ? domains : [domain]
}
