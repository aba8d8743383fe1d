import { combine32, hash32 } from '../upstream/balance/hash.ts'
import { fieldValues, type Fields, type RequestHead } from '../http/message.ts'
import type { HashPolicy } from '../model/route.ts'

/**
 * What of a request decides on its endpoint, where the cluster balances by a hash: Envoy's RouteAction.hash_policy. Those of
 * the policies that find something count together, in their order, up to the first terminal one among them.
 */
export class Affinity {
  /** 32 bits; undefined: nothing was found. */
  readonly hash: number | undefined
  /** To be set by the answer: the caller had no cookie of a policy that gives it one. */
  readonly setCookies: readonly string[]

  /** `downstream`: `ip:port` of the caller. `random`: at least 0, less than 1. */
  constructor(policies: readonly HashPolicy[], head: RequestHead, downstream: string, random: () => number) {
    let hash: number | undefined
    const setCookies: string[] = []
    for (const policy of policies) {
      let value = valueOf(policy, head, downstream)
      if (value === undefined && policy.kind === 'cookie' && policy.ttlMs !== undefined) {
        value = randomValue(random)
        setCookies.push(cookieField(policy, value))
      }
      if (value !== undefined) hash = hash === undefined ? hash32(value) : combine32(hash, hash32(value))
      if (policy.terminal && hash !== undefined) break
    }
    this.hash = hash
    this.setCookies = setCookies
  }

  /** Into the answer's fields. */
  addCookies(fields: Fields): void {
    for (const cookie of this.setCookies) fields.push('set-cookie', cookie)
  }
}

function valueOf(policy: HashPolicy, head: RequestHead, downstream: string): string | undefined {
  switch (policy.kind) {
    case 'header': {
      if (policy.name === ':path') return head.path
      if (policy.name === ':authority' || policy.name === 'host') return head.authority
      if (policy.name === ':method') return head.method
      const values = fieldValues(head.fields, policy.name)
      return values.length === 0 ? undefined : values.join()
    }
    case 'cookie':
      return cookieValue(head.fields, policy.name)
    case 'query':
      return queryValue(head.path, policy.name)
    case 'source-ip': {
      const end = downstream.lastIndexOf(':')
      return end > 0 ? downstream.slice(0, end) : undefined
    }
  }
}

/** RFC 6265 section 4.2: pairs between semicolons; HTTP/2 may have them in fields of their own. Empty is absent. */
function cookieValue(fields: Fields, name: string): string | undefined {
  for (const line of fieldValues(fields, 'cookie'))
    for (const pair of line.split(';')) {
      const equals = pair.indexOf('=')
      if (equals < 0 || pair.slice(0, equals).trim() !== name) continue
      const value = pair.slice(equals + 1).trim()
      const unquoted = /^".*"$/.test(value) ? value.slice(1, -1) : value
      if (unquoted !== '') return unquoted
    }
  return undefined
}

/** Of the first of that name; as it is written. */
function queryValue(path: string, name: string): string | undefined {
  const start = path.indexOf('?')
  if (start < 0) return undefined
  for (const pair of path.slice(start + 1).split('&')) {
    const equals = pair.indexOf('=')
    if ((equals < 0 ? pair : pair.slice(0, equals)) === name) return equals < 0 ? '' : pair.slice(equals + 1)
  }
  return undefined
}

/** 64 bits as text: who gets it is to be told apart from others, not to be kept out. */
function randomValue(random: () => number): string {
  const word = (): string =>
    Math.floor(random() * 2 ** 32)
      .toString(16)
      .padStart(8, '0')
  return word() + word()
}

/** Without Max-Age, which a ttl of 0 asks for, the caller keeps it as long as it runs. */
function cookieField(
  { name, path, ttlMs = 0 }: Extract<HashPolicy, { kind: 'cookie' }>,
  value: string,
): string {
  const maxAge = ttlMs > 0 ? `; Max-Age=${Math.ceil(ttlMs / 1000)}` : ''
  return `${name}=${value}${maxAge}${path === '' ? '' : `; Path=${path}`}; HttpOnly`
}
