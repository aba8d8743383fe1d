import type { ConnectionFacts, RequestFacts } from './facts.ts'
import type { Leaf } from './leaf.ts'
import type { Matcher, TextMatch } from './rules.ts'

/** What leaves ask for one and the same thing of a request: alternatives of these are said in one sentence. */
export function fieldOf(leaf: Leaf): string {
  if (leaf.kind === 'path-template') return 'path'
  if (leaf.kind === 'header') return `header ${leaf.name}`
  return leaf.kind === 'claim' ? `claim ${leaf.path.join('.')}` : leaf.kind
}

/** What a leaf takes: `GET`, `/items/*`, `spiffe://cluster.local/ns/shop/*`, `10.0.0.0/8`, `8000-8999`. */
export function wantedBy(leaf: Leaf): string {
  switch (leaf.kind) {
    case 'any':
      return 'anything'
    case 'identity':
    case 'header':
      return leaf.match ? pattern(leaf.match) : 'any'
    case 'source-ip':
    case 'destination-ip':
      return leaf.bits === (leaf.prefix.includes(':') ? 128 : 32)
        ? leaf.prefix
        : `${leaf.prefix}/${leaf.bits}`
    case 'port':
      return leaf.end === leaf.start + 1 ? String(leaf.start) : `${leaf.start}-${leaf.end - 1}`
    case 'path-template':
      return leaf.template
    case 'sni':
    case 'method':
    case 'host':
    case 'path':
    case 'claim':
      return pattern(leaf.match)
  }
}

/** How it is: `method is POST`, `caller is spiffe://...`, `there is no verified token`. */
export function stateOf(leaf: Leaf, facts: ConnectionFacts | RequestFacts): string {
  switch (leaf.kind) {
    case 'any':
      return 'it is there'
    case 'identity':
      return facts.identity === ''
        ? 'the caller shows no identity (plaintext)'
        : `caller is ${facts.identity}`
    case 'source-ip':
      return facts.sourceAddress === ''
        ? 'the source address is not known'
        : `source address is ${facts.sourceAddress}`
    case 'destination-ip':
      return `destination address is ${facts.destinationAddress}`
    case 'port':
      return `port is ${facts.destinationPort}`
    case 'sni':
      return facts.sni === '' ? 'there is no server name' : `server name is ${facts.sni}`
    case 'method':
    case 'host':
    case 'path':
    case 'path-template':
    case 'header':
    case 'claim':
      return isRequest(facts) ? requestState(leaf, facts) : 'it is a connection whose requests nobody sees'
  }
}

type RequestLeaf = Exclude<
  Leaf,
  { readonly kind: 'any' | 'identity' | 'source-ip' | 'destination-ip' | 'port' | 'sni' }
>

function requestState(leaf: RequestLeaf, facts: RequestFacts): string {
  switch (leaf.kind) {
    case 'method':
      return `method is ${facts.method}`
    case 'host':
      return `host is ${facts.authority}`
    case 'path':
    case 'path-template':
      return `path is ${facts.path.split('?', 1)[0]}`
    case 'header': {
      const values = facts.values(leaf.name)
      return values.length === 0
        ? `header ${leaf.name} is not there`
        : `header ${leaf.name} is ${values.map((value) => JSON.stringify(value)).join(', ')}`
    }
    case 'claim': {
      if (facts.claims === undefined) return 'there is no verified token'
      const name = leaf.path.join('.')
      const value = leaf.path.reduce<unknown>(memberOf, facts.claims)
      return value === undefined ? `claim ${name} is not there` : `claim ${name} is ${JSON.stringify(value)}`
    }
  }
}

/** Whose value somebody who was not there does not know: what `unknown` names. */
export function subjectOf(leaf: Leaf): string {
  const field = fieldOf(leaf)
  return field === 'identity' ? 'the caller' : field === 'source-ip' ? 'the source address' : field
}

/** It takes one value, or any, so that nobody learns more from its pattern. */
export function isPlain(leaf: Leaf): boolean {
  if (leaf.kind === 'port') return leaf.end === leaf.start + 1
  if (leaf.kind === 'source-ip' || leaf.kind === 'destination-ip') return !wantedBy(leaf).includes('/')
  return ('match' in leaf && leaf.match?.type === 'exact') || wantedBy(leaf) === 'any'
}

export function isRequest(facts: ConnectionFacts | RequestFacts): facts is RequestFacts {
  return 'method' in facts
}

function memberOf(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || !Object.hasOwn(value, key))
    return undefined
  return (value as Readonly<Record<string, unknown>>)[key]
}

function pattern({ type, value }: TextMatch): string {
  switch (type) {
    case 'exact':
      return value
    case 'prefix':
      return `${value}*`
    case 'suffix':
      return `*${value}`
    case 'contains':
      return `*${value}*`
    case 'regex':
      // As the control plane writes that it is there.
      return value === '.+' ? 'any' : `what ${value} matches`
  }
}

/** A matcher in words: `caller spiffe://cluster.local/ns/shop/* and method GET or HEAD`. */
export function matcherText(matcher: Matcher): string {
  if (isLeaf(matcher)) return matcher.kind === 'any' ? 'anything' : `${label(matcher)} ${wantedBy(matcher)}`
  switch (matcher.kind) {
    case 'not':
      return `not (${matcherText(matcher.of)})`
    case 'and': {
      const asked = matcher.of.filter(({ kind }) => kind !== 'any')
      const [only] = asked
      if (only && asked.length === 1) return matcherText(only)
      const parts = asked.map(grouped)
      return parts.length === 0 ? 'anything' : parts.join(' and ')
    }
    case 'or': {
      const [first] = matcher.of
      if (!first) return 'nothing'
      if (matcher.of.length === 1) return matcherText(first)
      const leaves = matcher.of.filter(isLeaf)
      const [leaf] = leaves
      if (
        leaf &&
        leaves.length === matcher.of.length &&
        leaves.every((one) => fieldOf(one) === fieldOf(leaf))
      )
        return leaf.kind === 'any'
          ? 'anything'
          : `${label(leaf)} ${[...new Set(leaves.map(wantedBy))].join(' or ')}`
      return matcher.of.map(grouped).join(' or ')
    }
  }
}

function grouped(matcher: Matcher): string {
  const text = matcherText(matcher)
  return text.includes(' and ') || text.includes(' or ') ? `(${text})` : text
}

function label(leaf: Leaf): string {
  const field = fieldOf(leaf)
  return field === 'identity' ? 'caller' : field.replace('-', ' ').replace(/ ip$/, ' address')
}

export function isLeaf(matcher: Matcher): matcher is Leaf {
  return matcher.kind !== 'and' && matcher.kind !== 'or' && matcher.kind !== 'not'
}
