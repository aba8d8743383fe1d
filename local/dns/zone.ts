import { hostnameIn } from '../controllers/endpoints.ts'
import type { EndpointGroup } from '../controllers/endpoints.ts'
import type { ServiceObject } from '../manifest/objects.ts'
import type { Answer } from './codec.ts'
import { TYPE } from './codec.ts'

export const CLUSTER_DOMAIN = 'cluster.local'

/** A Service as names see it. */
export interface NamedService {
  readonly service: ServiceObject
  readonly ips: readonly string[]
  readonly groups: readonly EndpointGroup[]
}

/** Records by name; a name that is there without a record of the type asked for is an empty answer. */
export type Zone = ReadonlyMap<string, readonly Answer[]>

/** The names of all Services, after Kubernetes' DNS specification 1.1.0. */
export function buildZone(services: Iterable<NamedService>): Zone {
  const zone = new Map<string, Answer[]>()
  const add = (answer: Answer) => {
    const present = zone.get(answer.name)
    if (present) present.push(answer)
    else zone.set(answer.name, [answer])
  }
  for (const { service, ips, groups } of services) {
    const name = `${service.name}.${service.namespace}.svc.${CLUSTER_DOMAIN}`
    if (service.type === 'ExternalName') {
      add({ type: 'CNAME', name, target: (service.externalName ?? '').replace(/\.$/, '').toLowerCase() })
      continue
    }
    zone.set(name, [])
    if (service.type === 'ClusterIP') {
      for (const ip of ips) add(address(name, ip))
      for (const port of service.ports) {
        if (port.name === undefined) continue
        const srv = `_${port.name}._${port.protocol.toLowerCase()}.${name}`
        add({ type: 'SRV', name: srv, port: port.port, target: name })
      }
      continue
    }
    for (const group of groups) {
      for (const endpoint of group.endpoints) {
        if (!endpoint.ready) continue
        for (const ip of endpoint.pod.ips) {
          if (ip.includes(':') && !service.dualStack) continue
          const label = hostnameIn(service, endpoint.pod) ?? ip.replaceAll(/[.:]/g, '-')
          const target = `${label}.${name}`
          add(address(name, ip))
          add(address(target, ip))
          for (const port of group.ports) {
            if (port.name === undefined) continue
            const srv = `_${port.name}._${port.protocol.toLowerCase()}.${name}`
            add({ type: 'SRV', name: srv, port: port.number, target })
          }
        }
      }
    }
  }
  return zone
}

/**
 * The answers to a question, or undefined when there is no such name. Aliases are followed inside the
 * cluster; a name outside is never asked for.
 */
export function lookUp(zone: Zone, name: string, type: number): readonly Answer[] | undefined {
  const answers: Answer[] = []
  let next = name
  for (let hops = 0; hops < 8; hops++) {
    const records = zone.get(next)
    if (!records) return hops === 0 ? undefined : answers
    const alias = records.find((record) => record.type === 'CNAME')
    if (!alias || alias.type !== 'CNAME' || type === TYPE.CNAME) {
      return [
        ...answers,
        ...shuffled(records.filter((record) => type === TYPE.ANY || TYPE[record.type] === type)),
      ]
    }
    answers.push(alias)
    next = alias.target
  }
  return answers
}

function address(name: string, ip: string): Answer {
  return { type: ip.includes(':') ? 'AAAA' : 'A', name, address: ip }
}

/** Headless Services are balanced by the order of their answers. */
function shuffled<T>(values: T[]): T[] {
  for (let last = values.length - 1; last > 0; last--) {
    const other = Math.floor(Math.random() * (last + 1))
    const kept = values[last] as T
    values[last] = values[other] as T
    values[other] = kept
  }
  return values
}
