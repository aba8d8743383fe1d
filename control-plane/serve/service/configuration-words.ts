import type { GraphNode } from '../../../core/api/traffic.ts'
import type { TrafficSettings } from '../../model/traffic-settings.ts'
import type { PortView, RouteView, ServiceView } from '../../service-view.ts'
import { preferred } from '../../xds/traffic/balancing.ts'
import { serviceId } from '../graph/topology.ts'

const POLICY: Readonly<Record<GraphNode['policy'], string>> = {
  open: 'No policy restricts who may call it.',
  restricted: 'Policies say who may call it: others get 403.',
  denied: 'Policies let nobody call it.',
}

/** What holds for a Service, a sentence each: where requests go, how they are treated, who may. */
export function configurationWords(
  service: ServiceView,
  settings: TrafficSettings | undefined,
  policy: GraphNode['policy'],
): readonly string[] {
  return [
    ...service.ports.flatMap((port) => portWords(service, port)),
    ...reachWords(service, settings),
    ...Object.entries(settings ?? {}).map(([section, said]) => `${sentence(section)}: ${valueWords(said)}.`),
    settings === undefined || Object.keys(settings).length === 0
      ? 'No policy says how its requests are treated: timeouts, retries, balancing and limits are the defaults.'
      : 'What no policy says of its requests is the default.',
    POLICY[policy],
  ]
}

/** How callers with a sidecar reach it, where that is not as for every Service. */
function reachWords(
  { affinityMs, externalAddresses = [], nearness }: ServiceView,
  settings: TrafficSettings | undefined,
): readonly string[] {
  // A policy goes before what the Service says.
  const near = preferred(nearness, settings?.loadBalancing)
  return [
    ...(externalAddresses.length === 0
      ? []
      : [`Callers of the mesh reach it at ${externalAddresses.join(' and ')}, too: addresses of outside.`]),
    ...(near === undefined ? [] : [`Callers prefer endpoints of their own ${near}.`]),
    ...(affinityMs === undefined
      ? []
      : [`A caller keeps to one endpoint until ${affinityMs / 1000} s after its last call (ClientIP).`]),
  ]
}

function portWords({ addresses }: ServiceView, port: PortView): readonly string[] {
  const { routes, consumerRoutes, endpoints, protocol } = port
  const at = addresses.length === 0 ? 'its pods’ own addresses' : addresses.join(' and ')
  const ready = endpoints.filter(({ health }) => health === 'healthy').length
  const own = `Port ${port.port} at ${at} carries ${protocol}; ${ready} of ${endpoints.length} known endpoints take requests.`
  if (routes.length === 0 && Object.keys(consumerRoutes).length === 0)
    return [own, `No route hangs on port ${port.port}: all goes to the Service’s own endpoints.`]
  return [
    own,
    ...routes.map(ruleWords),
    ...Object.entries(consumerRoutes).flatMap(([namespace, all]) =>
      all.map((rule) => `For callers of namespace ${namespace}: ${ruleWords(rule)}`),
    ),
  ]
}

function ruleWords({ name, match, action, backends }: RouteView): string {
  if (action === 'redirect') return `${match} is answered with a redirect (${name}).`
  const shares = backends.map(({ cluster, percent }) => {
    const to = cluster === '' ? 'no Service, which fails' : serviceId(cluster)
    return `${Math.round(percent * 10) / 10} % to ${to}`
  })
  return `${match} goes ${shares.length === 0 ? 'nowhere' : shares.join(', ')} (${name}).`
}

/** `consecutiveErrors` as `consecutive errors`. */
function words(key: string): string {
  return key
    .replace(/(Ms|Percent|Seconds)$/, '')
    .replace(/([a-z0-9])([A-Z])/g, (_, before: string, after: string) => `${before} ${after.toLowerCase()}`)
}

function sentence(key: string): string {
  const text = words(key)
  return text.charAt(0).toUpperCase() + text.slice(1)
}

function valueWords(value: unknown, key = ''): string {
  if (Array.isArray(value))
    return value.length === 0 ? 'none' : value.map((one) => valueWords(one, key)).join(' and ')
  if (typeof value === 'object' && value !== null)
    return Object.entries(value)
      .filter(([, one]) => one !== undefined)
      .map(([name, one]) => {
        const inner = typeof one === 'object' && one !== null && !Array.isArray(one)
        return inner ? `${words(name)} (${valueWords(one, name)})` : `${words(name)} ${valueWords(one, name)}`
      })
      .join(', ')
  if (typeof value === 'number' && key.endsWith('Ms'))
    return value >= 1000 && value % 1000 === 0 ? `${value / 1000} s` : `${value} ms`
  if (typeof value === 'number' && key.endsWith('Percent')) return `${value} %`
  if (typeof value === 'number' && key.endsWith('Seconds')) return `${value} s`
  return String(value)
}
