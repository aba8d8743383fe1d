import { Router, type Any, type Filter, type HttpFilter } from '../../core/xds/generated/envoy.js'
import { unpacked } from '../../core/xds/any.ts'
import type { FilterConfig } from '../model/filter.ts'
import type { RouteConfiguration } from '../model/route.ts'
import { CONNECTION_STEPS, REQUEST_STEPS } from '../steps/kinds.ts'
import { NO_LISTENER_SETTINGS, type AnyStepKind, type ListenerSettings } from '../steps/step.ts'
import type { Scope } from './scope.ts'

/** `http_filters` but for the router, which must be there once, at the end, as in Envoy. */
export function decodeHttpFilters(
  filters: readonly HttpFilter[],
  scope: Scope,
  listener: ListenerSettings,
): { readonly filters: FilterConfig[]; readonly router: string } {
  const steps = filters.slice(0, -1)
  const last = filters.at(-1)
  if (last && !unpacked(last.typedConfig, Router))
    scope.at('http_filters', steps.length).fail('must be the router: it ends the list')
  const names = new Set<string>()
  steps.forEach(({ name = '' }, i) => {
    if (names.has(name))
      scope.at('http_filters', i).at('name').fail(`"${name}" is the name of another filter`)
    names.add(name)
  })
  return {
    filters: steps.flatMap((filter, i) => {
      const at = scope.at('http_filters', i)
      if (unpacked(filter.typedConfig, Router))
        at.fail('the router must be the last filter, and there only once')
      return decodeFilter(REQUEST_STEPS, filter, at, listener)
    }),
    router: last?.name ?? '',
  }
}

/** What stands in a chain's `filters` before the last. */
export function decodeNetworkFilters(
  filters: readonly Filter[],
  scope: Scope,
  listener: ListenerSettings,
): FilterConfig[] {
  return filters.flatMap((filter, i) => {
    const at = scope.at('filters', i)
    const found = decodeFilter(CONNECTION_STEPS, filter, at, listener)
    if (found.length === 0) at.fail('must be the last filter')
    return found
  })
}

/** The same kinds, each with the message that routes have for it. */
const ROUTE_KINDS = REQUEST_STEPS.map((kind) => ({ ...kind, ...kind.perRoute }))

/** `typed_per_filter_config` of a route, by the filters' names; undefined: none. */
export function decodeRouteFilters(
  configs: Readonly<Record<string, Any>> | undefined,
  scope: Scope,
): Readonly<Record<string, FilterConfig>> | undefined {
  const names = Object.keys(configs ?? {})
  if (!configs || names.length === 0) return undefined
  const found = Object.create(null) as Record<string, FilterConfig>
  for (const name of names) {
    const at = scope.at(`typed_per_filter_config[${name}]`)
    const [filter] = decodeFilter(ROUTE_KINDS, { name, typedConfig: configs[name] }, at)
    if (filter) found[name] = filter
  }
  return found
}

/** Where routes and filters are known together: settings under the name of a filter of another kind are a mistake. */
export function checkRouteFilters(
  { virtualHosts }: RouteConfiguration,
  filters: readonly FilterConfig[],
  scope: Scope,
): void {
  virtualHosts.forEach(({ routes }, i) =>
    routes.forEach(({ filterConfigs }, j) => {
      for (const { name, kind } of filters) {
        const own = filterConfigs?.[name]
        if (!own || own.kind === kind) continue
        scope
          .at('virtual_hosts', i)
          .at('routes', j)
          .at(`typed_per_filter_config[${name}]`)
          .fail(`is for ${own.kind}, but the filter of this name is ${kind}`)
      }
    }),
  )
}

/** Empty: of no kind that is a step. */
function decodeFilter(
  kinds: readonly Pick<AnyStepKind<unknown>, 'kind' | 'type' | 'read'>[],
  { name = '', typedConfig }: { readonly name?: string | undefined; readonly typedConfig?: Any | undefined },
  scope: Scope,
  listener = NO_LISTENER_SETTINGS,
): FilterConfig[] {
  for (const one of kinds) {
    const message = unpacked(typedConfig, one.type)
    if (message)
      return [{ name, kind: one.kind, config: one.read(message, scope.at('typed_config'), listener) }]
  }
  return []
}
