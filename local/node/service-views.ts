import type { NamedService } from '../dns/zone.ts'
import { keyOf, type ServiceObject } from '../manifest/objects.ts'
import type { ServiceTarget } from '../network/service-rules.ts'

/** Every port of every address, and the ready endpoints of its family. */
export function serviceTargets(views: readonly NamedService[]): ServiceTarget[] {
  return views.flatMap(({ service, ips, groups }) =>
    [...ips, ...service.externalIPs].flatMap((address) =>
      service.ports.flatMap((port, index): ServiceTarget[] => {
        if (port.protocol === 'SCTP') return []
        const endpoints = groups.flatMap((group) => {
          const number = group.ports.find((own) => own.name === port.name && own.port === port.port)?.number
          if (number === undefined) return []
          return group.endpoints
            .filter((endpoint) => endpoint.ready)
            .flatMap((endpoint) => endpoint.pod.ips)
            .filter((ip) => ip.includes(':') === address.includes(':'))
            .map((ip) => ({ address: ip, port: number }))
        })
        const protocol = port.protocol === 'UDP' ? 'udp' : 'tcp'
        const name = `${keyOf(service)}:${port.name ?? index}`
        return [{ name, address, port: port.port, protocol, endpoints }]
      }),
    ),
  )
}

/** The Service as written, with the addresses it was given. */
export function serviceObject(service: ServiceObject, ips: readonly string[]): object {
  const spec = service.raw['spec'] as object
  const { namespace, name, raw } = service
  if (ips.length === 0) return { ...raw, metadata: { ...raw.metadata, namespace, name } }
  return {
    ...raw,
    metadata: { ...raw.metadata, namespace, name },
    spec: {
      ...spec,
      type: 'ClusterIP',
      clusterIP: ips[0],
      clusterIPs: ips,
      ipFamilies: ips.map((ip) => (ip.includes(':') ? 'IPv6' : 'IPv4')),
      ipFamilyPolicy: ips.length > 1 ? 'PreferDualStack' : 'SingleStack',
    },
  }
}
