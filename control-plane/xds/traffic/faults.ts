import { packAny } from '../../../core/xds/any.ts'
import {
  HTTPFault,
  type FaultAbort,
  type FractionalPercent,
  type HttpFilter,
  type Route,
} from '../../../core/xds/generated/envoy.js'
import type { Fault } from '../../model/traffic-settings.ts'

const FAULT = 'envoy.filters.http.fault'
/** Fractions of a million are the finest that Envoy knows. */
const MILLION = 1_000_000

/** In `http_filters` it does nothing by itself: routes say what they do. */
export const FAULT_FILTER: HttpFilter = { name: FAULT, typedConfig: packAny(HTTPFault, {}) }

/**
 * A route with its faults. One that is for some requests becomes a route before it, with what it matches added, since a
 * route has one fault only and gRPC libraries know no matches in it (gRFC A33). `grpc`: aborts speak gRPC where they can.
 */
export function withFaults(route: Route, faults: readonly Fault[], grpc: boolean): readonly Route[] {
  const routes: Route[] = []
  for (const fault of faults) {
    const routed = withFault(route, fault, grpc)
    if (fault.matches.length === 0) return [...routes, routed]
    const own = fault.matches.map(({ header, value }) => ({ name: header, stringMatch: { exact: value } }))
    routes.push({ ...routed, match: { ...route.match, headers: [...(route.match?.headers ?? []), ...own] } })
  }
  return [...routes, route]
}

function withFault(route: Route, { delay, abort }: Fault, grpc: boolean): Route {
  const message: HTTPFault = {
    ...(delay && { delay: { fixedDelay: delay.durationMs, percentage: fraction(delay.percent) } }),
    ...(abort && { abort: { ...answer(abort, grpc), percentage: fraction(abort.percent) } }),
  }
  return {
    ...route,
    typedPerFilterConfig: { ...route.typedPerFilterConfig, [FAULT]: packAny(HTTPFault, message) },
  }
}

/** One of both: the message has place for one. */
function answer({ status, grpcStatus }: NonNullable<Fault['abort']>, grpc: boolean): FaultAbort {
  if (grpcStatus !== undefined && (grpc || status === undefined)) return { grpcStatus }
  return { httpStatus: status ?? 503 }
}

function fraction(percent: number): FractionalPercent {
  return { numerator: Math.round((percent / 100) * MILLION), denominator: 'MILLION' }
}
