import { METADATA, METADATA_ACCESS_LOG, METADATA_RETRY_NON_IDEMPOTENT } from '../../core/contract.ts'
import type { Route, RouteAction, RouteConfiguration } from '../../core/xds/generated/envoy.js'
import type { JsonObject } from '../../core/xds/well-known.ts'
import type { Mesh } from '../model/mesh.ts'
import {
  requestRoutes,
  type Redirect,
  type RequestRoutes,
  type RouteEntry,
  type Rule,
} from '../model/route.ts'
import type { Session } from '../model/session.ts'
import { settingsOf } from '../model/traffic-tables.ts'
import { allCallsTo, callRoute } from './call-route.ts'
import { SIDECAR } from './client-takes.ts'
import type { MeshClient } from './client.ts'
import { corsPolicy, preflightEntry } from './cors.ts'
import { headerChange } from './headers.ts'
import { cookiePath, sessionOf, sessionPolicy, sessionTimes } from './session.ts'
import { parseRouteName, servicePort } from './names.ts'
import type { Plan } from './resource.ts'
import { defaultRetry, upgradeConfigs, forwardAction } from './route-action.ts'
import { routeMatch } from './route-match.ts'
import { policiesFor } from './traffic/policies-for.ts'
import { defaultRoutes, ruleRoutes, type PortTraffic } from './traffic/route-traffic.ts'

/** `<namespace>/<service>/<port>`, or a consumer's variant of it. */
export function routeConfiguration(mesh: Mesh, name: string, client: MeshClient): Plan<'route'> | undefined {
  const { portKey, consumer } = parseRouteName(name)
  const found = servicePort(mesh, portKey)
  if (!found) return undefined
  const tables = policiesFor(mesh, client.takes)
  const traffic: PortTraffic = { tables, portKey, client }
  const grpc = found.port.protocol === 'grpc'
  const table = mesh.routes.get(portKey)
  // Connections that are routed have no routes of requests: calls of gRPC libraries, which share out no connections,
  // follow the Service.
  const producer = requestRoutes(table?.producer)
  const group = consumer === undefined ? producer : requestRoutes(table?.consumers.get(consumer))
  if (!group) {
    // A consumer's routes went away; its listener follows with the plain name. Until then who waits for names gets
    // what that will lead to.
    if (consumer !== undefined) {
      if (!client.takes.waitsForNames) return undefined
      if (producer)
        return {
          variant: client.takes.name,
          parts: [producer, tables],
          make: () => fromGroup(name, producer, traffic),
        }
    }
    const session = mesh.traffic.sessions?.get(found.service.key)
    const parts = [settingsOf(tables, found.service.key), grpc, session]
    return {
      variant: client.takes.name,
      parts,
      make: () => forwardAll(name, portKey, client, { traffic, grpc, session }),
    }
  }
  return {
    variant: client.takes.name,
    parts: [group, tables],
    make: () => fromGroup(name, group, traffic),
  }
}

function fromGroup(name: string, group: RequestRoutes, traffic: PortTraffic): RouteConfiguration {
  const { client } = traffic
  const routes = group.entries.flatMap((entry) => {
    const { rule, match } = entry
    const made = client.takes.callsOnly
      ? [callRoute(entry) ?? []].flat()
      : [entry, preflightEntry(entry) ?? []].flat().flatMap((one) => routesOf(one, client))
    return ruleRoutes(made, rule, match.grpc, traffic)
  })
  return { name, virtualHosts: [{ name, domains: ['*'], routes }] }
}

/** Everything to one cluster; a client of undefined is a pod's own inbound side, which never retries. */
export function forwardAll(
  name: string,
  cluster: string,
  client: MeshClient | undefined,
  policies?: {
    readonly traffic: PortTraffic
    readonly grpc: boolean
    readonly session: Session | undefined
  },
): RouteConfiguration {
  const treated = (route: Route): readonly Route[] =>
    policies ? defaultRoutes(route, policies.grpc, policies.traffic) : [route]
  if (client?.takes.callsOnly) return allCallsTo(name, cluster, treated)
  const route: RouteAction = {
    cluster,
    timeout: 0,
    ...(client ? { retryPolicy: defaultRetry(client.takes) } : {}),
    upgradeConfigs: upgradeConfigs(client?.takes ?? SIDECAR),
  }
  const session = client?.takes.policies ? policies?.session : undefined
  const filterConfigs = sessionPolicy(session, '/')
  const ofSession = {
    ...(session ? { typedPerFilterConfig: filterConfigs } : {}),
    ...routeMetadata(sessionTimes(session, client)),
  }
  // A Service may be a forward proxy.
  const tunnel = { cluster, timeout: 0, upgradeConfigs: [{ upgradeType: 'CONNECT' }] }
  const routes: Route[] = [
    ...treated({ name: 'default', match: { prefix: '/' }, ...ofSession, route }),
    { name: 'connect', match: { connectMatcher: {} }, route: tunnel },
  ]
  return { name, virtualHosts: [{ name, domains: ['*'], routes }] }
}

/** Mostly one; two where a prefix is replaced by the root, so that `/a` and `/a/b` become `/` and `/b`. */
function routesOf(entry: RouteEntry, client: MeshClient): readonly Route[] {
  const { match, rule } = entry
  const path = rule.action.kind === 'redirect' ? rule.action.path : rule.action.rewrite.path
  if (path?.kind === 'prefix' && match.path.kind === 'prefix') {
    const value = path.value.replace(/\/+$/, '')
    const prefix = match.path.value
    if (value === '' && prefix === '') return [routeOf(entry, client, undefined)]
    // From the root: `/x` -> `/new/x`. Envoy puts the new prefix in the old one's place, byte by byte.
    if (prefix === '') return [routeOf(entry, client, { kind: 'prefix', value: `${value}/` })]
    if (value !== '') return [routeOf(entry, client, { kind: 'prefix', value })]
    const exact = { ...entry, match: { ...match, path: { kind: 'exact', value: prefix } as const } }
    return [
      routeOf(exact, client, { kind: 'full', value: '/' }),
      {
        ...routeOf(entry, client, { kind: 'prefix', value: '/' }),
        match: { ...routeMatch(match), ...below(prefix) },
      },
    ]
  }
  return [routeOf(entry, client, path)]
}

function below(prefix: string): { prefix: string; pathSeparatedPrefix: undefined } {
  return { prefix: `${prefix}/`, pathSeparatedPrefix: undefined }
}

function routeMetadata(said: JsonObject): Pick<Route, 'metadata'> {
  return Object.keys(said).length > 0 ? { metadata: { filterMetadata: { [METADATA]: said } } } : {}
}

type NewPath = Redirect['path']

function routeOf({ match, rule }: RouteEntry, client: MeshClient, path: NewPath): Route {
  const { action } = rule
  const takesFilters = client.takes.policies
  const session = takesFilters ? sessionOf(rule) : undefined
  const cors = takesFilters ? rule.cors : undefined
  const filterConfigs = { ...corsPolicy(cors), ...sessionPolicy(session, cookiePath(match.path)) }
  const base: Route = {
    name: rule.name,
    match: routeMatch(match),
    ...headerChange(rule.requestHeaders, rule.responseHeaders),
    ...(Object.keys(filterConfigs).length > 0 ? { typedPerFilterConfig: filterConfigs } : {}),
  }
  if (action.kind === 'redirect') return { ...base, redirect: redirectAction(action, path) }
  const total = action.backends.reduce((sum, one) => sum + one.weight, 0)
  const usable = action.backends.some((one) => one.weight > 0 && one.portKey !== undefined)
  if (total === 0 || !usable) {
    // gRPC reads 503 as UNAVAILABLE, which is what GRPCRoute asks for.
    const status = match.grpc ? 503 : 500
    return {
      ...base,
      directResponse: { status, body: { inlineString: `${rule.name} has no valid backend` } },
    }
  }
  const said = {
    ...(action.retryNonIdempotent ? { [METADATA_RETRY_NON_IDEMPOTENT]: true } : {}),
    ...accessLogOf(rule, client),
    ...sessionTimes(session, client),
  }
  return {
    ...base,
    route: forwardAction(action, match, path, client),
    ...routeMetadata(said),
  }
}

/** A sidecar that takes no more is told the mode alone. */
function accessLogOf(
  { accessLog }: Pick<Rule, 'accessLog'>,
  { takes }: Pick<MeshClient, 'takes'>,
): JsonObject {
  if (!accessLog || !takes.telemetry) return {}
  const { 'access-log': mode, ...more } = accessLog
  if (takes.routeLog && Object.keys(more).length > 0) return { [METADATA_ACCESS_LOG]: { ...accessLog } }
  return mode === undefined ? {} : { [METADATA_ACCESS_LOG]: mode }
}

const REDIRECT_CODES = {
  301: 'MOVED_PERMANENTLY',
  302: 'FOUND',
  303: 'SEE_OTHER',
  307: 'TEMPORARY_REDIRECT',
  308: 'PERMANENT_REDIRECT',
} as const

function redirectAction(action: Redirect, path: NewPath): NonNullable<Route['redirect']> {
  return {
    ...(action.scheme === undefined ? {} : { schemeRedirect: action.scheme }),
    ...(action.host === undefined ? {} : { hostRedirect: action.host }),
    ...(action.port === undefined ? {} : { portRedirect: action.port }),
    ...(path === undefined
      ? {}
      : path.kind === 'full'
        ? { pathRedirect: path.value }
        : { prefixRewrite: path.value }),
    responseCode: REDIRECT_CODES[action.status],
  }
}
