import type { Mesh } from './model/mesh.ts'
import type { TrafficSettings } from './model/traffic-settings.ts'
import { settingsOf } from './model/traffic-tables.ts'

/** A policy and what became of it, for people and tools; plain JSON. */
export interface PolicyView {
  readonly kind: string
  readonly namespace: string
  readonly name: string
  readonly targets: readonly {
    readonly kind: string
    /** '' of what is in none. */
    readonly namespace: string
    readonly name: string
    readonly accepted: boolean
    /** Of the condition Accepted. */
    readonly reason: string
    readonly message: string
    /** Of the condition PartiallyApplied, why not all of it is in force; '' where all is. */
    readonly partly: string
  }[]
}

/** What policies say to a Service in all; one that is named by none, and whose namespace is not, is left out. */
export interface ServiceSettings {
  readonly namespace: string
  readonly name: string
  readonly settings: TrafficSettings
}

export interface PolicyOverview {
  readonly policies: readonly PolicyView[]
  readonly services: readonly ServiceSettings[]
}

export function policyOverview({ policyStatus, services, traffic }: Mesh): PolicyOverview {
  return {
    policies: policyStatus.map(({ kind, namespace, name, ancestors }) => ({
      kind,
      namespace,
      name,
      targets: ancestors.map(({ ancestorRef: ref, conditions }) => {
        const accepted = conditions.find(({ type }) => type === 'Accepted')
        const partly = conditions.find(({ type, status }) => type === 'PartiallyApplied' && status === 'True')
        return {
          kind: ref.kind,
          namespace: ref.namespace ?? '',
          name: ref.name,
          accepted: accepted?.status === 'True',
          reason: accepted?.reason ?? '',
          message: accepted?.message ?? '',
          partly: partly ? `${partly.reason}: ${partly.message}` : '',
        }
      }),
    })),
    services: [...services.values()].flatMap(({ key, namespace, name }) => {
      const settings = settingsOf(traffic, key)
      return Object.keys(settings).length > 0 ? [{ namespace, name, settings }] : []
    }),
  }
}
