import type { Session } from './session.ts'
import { NO_SETTINGS, SECTIONS, type Section, type TrafficSettings } from './traffic-settings.ts'

/** What TrafficPolicies that are in force say; what did not change keeps its identity, and so do the tables. */
export interface TrafficTables {
  readonly namespaces: ReadonlyMap<string, TrafficSettings>
  /** By `namespace/name`: of Services that have a policy of their own, with what their namespace's adds. */
  readonly services: ReadonlyMap<string, TrafficSettings>
  /** By `HTTPRoute/namespace/name`: what was said for the route alone. */
  readonly routes: ReadonlyMap<string, TrafficSettings>
  /** By `namespace/name`: sessions of requests to Services, where no rule says otherwise. */
  readonly sessions?: ReadonlyMap<string, Session> | undefined
}

export const NO_TABLES: TrafficTables = { namespaces: new Map(), services: new Map(), routes: new Map() }

/** What holds for a Service, by `namespace/name`: its own sections before those of its namespace. */
export function settingsOf({ services, namespaces }: TrafficTables, service: string): TrafficSettings {
  return (
    services.get(service) ??
    namespaces.get(service.slice(0, Math.max(0, service.indexOf('/')))) ??
    NO_SETTINGS
  )
}

/** What holds for requests by a rule of a route, `HTTPRoute/namespace/name/0`, to the Service that is its parent. */
export function settingsOfRule(tables: TrafficTables, rule: string, service: string): TrafficSettings {
  const own = tables.routes.get(rule.slice(0, rule.lastIndexOf('/')))
  const inherited = settingsOf(tables, service)
  return own ? { ...inherited, ...own } : inherited
}

/** Sections that are said, in order. */
export function sectionsOf(settings: TrafficSettings): readonly Section[] {
  return SECTIONS.filter((section) => settings[section] !== undefined)
}
