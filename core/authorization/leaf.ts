import { AddressBlock } from './address-block.ts'
import type { ConnectionFacts, RequestFacts } from './facts.ts'
import { hostTest } from './lenient-host.ts'
import { pathTest, templateTest } from './lenient-path.ts'
import type { Matcher } from './rules.ts'
import { oneOfTest, textTest, wireTest, type TextTest } from './text-test.ts'

/** A matcher that holds no other. */
export type Leaf = Exclude<Matcher, { readonly kind: 'and' | 'or' | 'not' }>

/** One leaf, made ready: of a connection, known before there is a request, or of each request. */
export type LeafTest =
  | { readonly of: 'connection'; matches(facts: ConnectionFacts): boolean | undefined }
  | { readonly of: 'request'; matches(facts: RequestFacts): boolean | undefined }

/**
 * What one leaf says. It gives undefined where it can't be told, as what is asked for is no UTF-8, or a path, a host or a
 * field's name that applications read in more than one way: the rule then counts as it refuses more (evaluate.ts).
 * @throws WeftError `pattern.invalid` or `path_template.invalid`.
 */
export function leafTest(leaf: Leaf): LeafTest {
  switch (leaf.kind) {
    case 'any':
      return { of: 'connection', matches: () => true }
    case 'identity': {
      if (leaf.match === undefined) return { of: 'connection', matches: ({ identity }) => identity !== '' }
      const test = textTest(leaf.match)
      return { of: 'connection', matches: ({ identity }) => identity !== '' && test(identity) }
    }
    case 'source-ip': {
      const block = new AddressBlock(leaf.prefix, leaf.bits)
      return { of: 'connection', matches: ({ sourceAddress }) => block.contains(sourceAddress) }
    }
    case 'destination-ip': {
      const block = new AddressBlock(leaf.prefix, leaf.bits)
      return { of: 'connection', matches: ({ destinationAddress }) => block.contains(destinationAddress) }
    }
    case 'port': {
      const { start, end } = leaf
      return {
        of: 'connection',
        matches: ({ destinationPort }) => destinationPort >= start && destinationPort < end,
      }
    }
    case 'sni': {
      const test = hostTest(leaf.match)
      return { of: 'connection', matches: ({ sni }) => (sni === undefined ? undefined : test(sni)) }
    }
    case 'method': {
      const test = wireTest(leaf.match)
      return { of: 'request', matches: ({ method }) => test(method) }
    }
    case 'host': {
      const test = hostTest(leaf.match)
      return { of: 'request', matches: ({ authority }) => test(authority) }
    }
    case 'path': {
      const test = pathTest(leaf.match)
      return { of: 'request', matches: ({ path }) => test(withoutQuery(path)) }
    }
    case 'path-template': {
      const test = templateTest(leaf.template)
      return { of: 'request', matches: ({ path }) => test(withoutQuery(path)) }
    }
    case 'header': {
      const { name, match } = leaf
      if (!match) return { of: 'request', matches: fieldTest(name, (values) => values.length > 0) }
      const test = wireTest(match)
      return { of: 'request', matches: fieldTest(name, (values) => anyValue(values, test)) }
    }
    case 'claim': {
      const { path, inList } = leaf
      const test = textTest(leaf.match)
      const holds = (value: unknown): boolean => typeof value === 'string' && test(value)
      return {
        of: 'request',
        matches({ claims }) {
          const value = claimAt(claims, path)
          return inList ? Array.isArray(value) && value.some(holds) : holds(value)
        },
      }
    }
  }
}

/** Of methods of which any will do, all at once; undefined: these matchers are something else. */
export function methodsTest(matchers: readonly Matcher[]): LeafTest | undefined {
  const methods: string[] = []
  for (const matcher of matchers) {
    if (matcher.kind !== 'method' || matcher.match.type !== 'exact' || matcher.match.ignoreCase)
      return undefined
    methods.push(matcher.match.value)
  }
  if (methods.length === 0) return undefined
  const test = oneOfTest(methods)
  return { of: 'request', matches: ({ method }) => test(method) }
}

/** It can't be told where some applications read other fields as this one, and these say something else. */
function fieldTest(
  name: string,
  test: (values: readonly string[]) => boolean | undefined,
): (facts: RequestFacts) => boolean | undefined {
  return (facts) => {
    const told = test(facts.values(name))
    const others = facts.lookalikes?.(name)
    return others === undefined || others.length === 0 || test(others) === told ? told : undefined
  }
}

/** Each value by itself, and all as one list (RFC 9110 section 5.3), as Envoy reads them. */
function anyValue(values: readonly string[], test: TextTest): boolean | undefined {
  let told: boolean | undefined = false
  for (const value of values) {
    const matches = test(value)
    if (matches) return true
    if (matches === undefined) told = undefined
  }
  return told === false && values.length > 1 ? test(values.join(',')) : told
}

// All rules that are held against one request ask for the same.
let lastPath = ''
let lastWithout = ''

function withoutQuery(path: string): string {
  if (path === lastPath) return lastWithout
  const question = path.indexOf('?')
  lastPath = path
  return (lastWithout = question < 0 ? path : path.slice(0, question))
}

function claimAt(claims: RequestFacts['claims'], path: readonly string[]): unknown {
  let value: unknown = claims
  for (const key of path) {
    if (typeof value !== 'object' || value === null || Array.isArray(value) || !Object.hasOwn(value, key))
      return undefined
    value = (value as Readonly<Record<string, unknown>>)[key]
  }
  return value
}
