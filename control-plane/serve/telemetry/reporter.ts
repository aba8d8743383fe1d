import type { Resource } from '../../../core/xds/generated/otlp.js'
import { readAttributes, shorten, textOf } from './attributes.ts'

/** Whose spans and metrics these are. */
export interface Reporter {
  /** `service.name` */
  readonly service: string
  readonly namespace: string
  readonly pod: string
}

/** What an authenticated caller is: its claims about itself do not count against it. */
export interface ReportingCaller {
  readonly namespace: string
  readonly serviceAccount: string
  readonly pod: { readonly name: string } | undefined
}

/** The service's name is the reporter's choice; namespace and pod are the token's, so that none speaks for another. */
export function reporterOf(resource: Resource | undefined, caller: ReportingCaller): Reporter {
  const attributes = readAttributes(resource?.attributes)
  return {
    service: shorten(textOf(attributes, 'service.name'), 253) || caller.serviceAccount,
    namespace: caller.namespace,
    pod: caller.pod?.name ?? shorten(textOf(attributes, 'k8s.pod.name'), 253),
  }
}

/** `catalog.shop`, as metrics name a destination. */
export function serviceKey({ service, namespace }: Reporter): string {
  return `${service}.${namespace}`
}
