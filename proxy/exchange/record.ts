import { PROTOCOL_HEADER } from '../../core/contract.ts'
import { field, type RequestHead } from '../http/message.ts'
import type { Hop } from '../model/hop.ts'
import type { RequestRecord } from './telemetry-sink.ts'

// It never changes, and is read by a getter.
const { timeOrigin } = performance

/**
 * A record with what is known at a request's start; every field is there from the beginning, so its shape is one. All of them stand
 * in one literal: what is spread into it costs as much as the rest.
 * `startedAt` is on performance.now's clock.
 */
export function newRecord(
  hop: Hop,
  head: RequestHead,
  configVersion: string,
  startedAt: number = performance.now(),
): RequestRecord {
  const http2 = hop.link ? field(head.fields, PROTOCOL_HEADER) === '2' : hop.http2
  return {
    direction: hop.direction,
    startMs: timeOrigin + startedAt,
    durationMs: 0,
    answerMs: -1,
    method: head.method,
    scheme: head.scheme,
    authority: head.authority,
    path: head.path,
    protocol: http2 ? 'HTTP/2' : 'HTTP/1.1',
    userAgent: field(head.fields, 'user-agent') ?? '',
    status: 0,
    grpc: false,
    grpcStatus: -1,
    answered: false,
    flags: 0,
    details: '',
    route: '',
    template: '',
    accessLog: undefined,
    cluster: '',
    service: '',
    upstream: '',
    upstreamWorkload: '',
    peer: hop.direction === 'inbound' ? (hop.peer ?? '') : '',
    downstream: hop.downstream,
    destinationAddress: hop.destination.host,
    destinationPort: hop.destination.port,
    sourceIdentity:
      hop.sourceIdentity === '' && hop.direction === 'outbound' ? hop.localIdentity : hop.sourceIdentity,
    destinationIdentity: hop.direction === 'inbound' ? hop.localIdentity : '',
    attempts: 0,
    bytesReceived: 0,
    bytesSent: 0,
    configVersion,
    trace: 'none',
    span: undefined,
    tries: undefined,
    policy: '',
    decision: '',
    reference: '',
    logged: false,
  }
}
