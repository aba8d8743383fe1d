import { Buffer as BufferFilter } from '../../../core/xds/generated/envoy.js'
import type { LocalReply } from '../../exchange/reply.ts'
import { decimal, EXACT_DIGITS } from '../../http/decimal.ts'
import { field, type RequestHead } from '../../http/message.ts'
import type { Hop } from '../../model/hop.ts'
import type { RequestStep, StepKind, Verdict } from '../step.ts'

/** envoy.extensions.filters.http.buffer.v3.Buffer */
export interface BodyLimitConfig {
  readonly maxBytes: number
}

const RESOURCE_EXHAUSTED = 8

/**
 * Refuses requests whose body is above so many bytes. Envoy's filter holds a request until it is whole; here the body
 * goes on as it comes, so one that does not say how long it is reaches the upstream in part, and never as a whole.
 */
export class BodyLimitStep implements RequestStep {
  readonly bodyLimit: number

  constructor({ maxBytes }: BodyLimitConfig) {
    this.bodyLimit = maxBytes
  }

  decide(_hop: Hop, head: RequestHead): Verdict {
    const said = field(head.fields, 'content-length')
    if (said === undefined || decimal(said, EXACT_DIGITS) <= this.bodyLimit) return undefined
    return { kind: 'answer', flags: 0, reply: bodyTooLarge(this.bodyLimit) }
  }
}

/** RFC 9110 section 15.5.14. */
export function bodyTooLarge(limit: number): LocalReply {
  return {
    status: 413,
    details: 'request_payload_too_large',
    text: `the body of the request is above the limit of ${limit} bytes`,
    grpcStatus: RESOURCE_EXHAUSTED,
  }
}

export const bodyLimit: StepKind<BufferFilter, BodyLimitConfig, RequestStep> = {
  kind: 'envoy.filters.http.buffer',
  type: BufferFilter,
  read({ maxRequestBytes = 0 }, scope) {
    if (maxRequestBytes === 0) scope.at('max_request_bytes').fail('must be above 0')
    return { maxBytes: maxRequestBytes }
  },
  create: (config) => new BodyLimitStep(config),
}
