import { fieldValues, type RequestHead } from '../http/message.ts'
import type { Hop } from '../model/hop.ts'
import type { DescriptorEntry, RateLimitAction, RateLimitRule } from '../model/rate-limit.ts'
import { matchesHeaders } from './match.ts'

/** What a request is counted by under one rule; undefined: the request lacks what the rule asks for, and is not. */
export function descriptorOf(
  rule: RateLimitRule,
  hop: Hop,
  head: RequestHead,
): DescriptorEntry[] | undefined {
  const entries: DescriptorEntry[] = []
  for (const action of rule) {
    const value = valueOf(action, hop, head)
    if (value !== undefined) entries.push({ key: action.key, value })
    else if (action.kind !== 'request-header' || !action.skipIfAbsent) return undefined
  }
  return entries.length === 0 ? undefined : entries
}

function valueOf(action: RateLimitAction, hop: Hop, head: RequestHead): string | undefined {
  switch (action.kind) {
    case 'request-header': {
      // All of them: who repeats a header is somebody else than who sends the first of its values alone.
      const values = fieldValues(head.fields, action.header)
      return values.length === 0 ? undefined : values.join(',')
    }
    case 'remote-address':
      return remoteAddress(hop)
    case 'generic':
      return action.value
    case 'header-match':
      return matchesHeaders(action.headers, head) === action.expect ? action.value : undefined
  }
}

/** Who calls, as the connection proves it: its verified SPIFFE ID, and the address of a caller outside the mesh. */
export function callerOf(hop: Hop): string {
  return hop.sourceIdentity === '' ? remoteAddress(hop) : hop.sourceIdentity
}

function remoteAddress({ downstream }: Hop): string {
  return downstream.slice(0, downstream.lastIndexOf(':'))
}
