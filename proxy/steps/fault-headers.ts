import { decimal } from '../http/decimal.ts'
import { field, type RequestHead } from '../http/message.ts'

// What callers may ask for themselves, where a fault is configured to be theirs to choose (Envoy's header_delay and
// header_abort: https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/fault_filter).

const MOST_DIGITS = 9

/** Milliseconds, or undefined: the caller asks for no delay. */
export function askedDelayMs(head: RequestHead): number | undefined {
  const ms = numberIn(head, 'x-envoy-fault-delay-request')
  return ms > 0 ? ms : undefined
}

export function askedStatus(head: RequestHead): number | undefined {
  const status = numberIn(head, 'x-envoy-fault-abort-request')
  return status >= 200 && status <= 599 ? status : undefined
}

export function askedGrpcStatus(head: RequestHead): number | undefined {
  const status = numberIn(head, 'x-envoy-fault-abort-grpc-request')
  return status < 0 ? undefined : status
}

/** What of `percent` the caller asks for: never more. A part of a whole is 100 for one hundredth, and so on. */
export function askedPercent(
  head: RequestHead,
  fault: 'delay' | 'abort',
  percent: number,
  partsOfPercent: number,
): number {
  const asked = numberIn(head, `x-envoy-fault-${fault}-request-percentage`)
  return asked < 0 ? percent : Math.min(percent, asked / partsOfPercent)
}

function numberIn(head: RequestHead, name: string): number {
  const text = field(head.fields, name)
  return text === undefined ? -1 : decimal(text, MOST_DIGITS)
}
