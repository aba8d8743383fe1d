import { randomUUID } from 'node:crypto'
import { CONTROL_PLANE } from '../../core/contract.ts'
import type { ApiRequest } from './connection.ts'

/** The object that an Event is of. */
export interface InvolvedObject {
  readonly apiVersion: string
  readonly kind: string
  readonly namespace: string
  readonly name: string
}

export interface EventContent {
  readonly type: 'Normal' | 'Warning'
  /** One word. */
  readonly reason: string
  readonly message: string
}

/**
 * The request that makes an Event; `now` in milliseconds.
 * https://kubernetes.io/docs/reference/kubernetes-api/core/event-v1/
 */
export function eventRequest(
  involvedObject: InvolvedObject,
  { type, reason, message }: EventContent,
  now: number,
): ApiRequest {
  const { namespace, name } = involvedObject
  const time = new Date(now).toISOString().replace(/\.\d+Z$/, 'Z')
  return {
    method: 'POST',
    path: `/api/v1/namespaces/${namespace}/events`,
    body: {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { namespace, name: `${name.slice(0, 200)}.${randomUUID()}` },
      involvedObject,
      type,
      reason,
      // At most 1,024 characters.
      message: message.length > 1000 ? `${message.slice(0, 997)}...` : message,
      firstTimestamp: time,
      lastTimestamp: time,
      count: 1,
      source: { component: CONTROL_PLANE },
      reportingComponent: CONTROL_PLANE,
      reportingInstance: CONTROL_PLANE,
    },
  }
}
