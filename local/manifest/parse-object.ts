import { isIP } from 'node:net'
import { canonicalAddress } from '../../core/ip-address.ts'
import { Fields, invalid } from './fields.ts'
import type { Warn } from './fields.ts'
import type {
  ConfigObject,
  CronJobObject,
  NamespaceObject,
  PodObject,
  RawObject,
  ServiceObject,
  Workload,
} from './objects.ts'
import type { NetworkPolicy } from '../network/policy/network-policy.ts'
import { parseConfigMap, parseSecret } from './parse-config.ts'
import { parseNetworkPolicy } from './parse-network-policy.ts'
import { parseCronJob, parseTemplate, parseWorkload } from './parse-workload.ts'

/** One understood object; `other` is left to whoever reads the same files (routes, policies). */
export type ParsedObject =
  | { readonly kind: 'Namespace'; readonly object: NamespaceObject }
  | { readonly kind: 'ServiceAccount'; readonly object: { namespace: string; name: string } }
  | { readonly kind: 'ConfigMap' | 'Secret'; readonly object: ConfigObject }
  | { readonly kind: 'Workload'; readonly object: Workload }
  | { readonly kind: 'CronJob'; readonly object: CronJobObject }
  | { readonly kind: 'Pod'; readonly object: PodObject }
  | { readonly kind: 'Service'; readonly object: ServiceObject }
  | { readonly kind: 'NetworkPolicy'; readonly object: NetworkPolicy }
  | { readonly kind: 'other'; readonly object: { namespace: string; name: string; kind: string } }

/** Kinds that would run something or hold data here, and are not supported: silence would mislead. */
const NOT_RUN = new Set([
  'ReplicationController',
  'HorizontalPodAutoscaler',
  'Ingress',
  'EndpointSlice',
  'Endpoints',
])

const DNS_LABEL = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/

/** Reads one document. Throws a WeftError that names the field. `hostPaths`: see parsePodSpec. */
export function parseObject(value: unknown, warn: Warn, hostPaths?: ReadonlySet<string>): ParsedObject {
  const fields = new Fields(value, '', warn)
  const apiVersion = fields.requiredString('apiVersion')
  const kind = fields.requiredString('kind')
  const metadata = fields.requiredChild('metadata')
  const name = metadata.requiredString('name')
  if (!DNS_LABEL.test(name)) {
    throw invalid('metadata.name', `\`${name}\` is not a valid name (a-z, 0-9 and -, at most 253 characters)`)
  }
  const namespace = metadata.string('namespace') ?? 'default'
  const raw: RawObject = { ...fields.raw, apiVersion, kind, metadata: metadata.raw }
  switch (`${apiVersion}/${kind}`) {
    case 'v1/Namespace':
      return {
        kind: 'Namespace',
        object: { name, labels: metadata.textMap('labels'), annotations: metadata.textMap('annotations') },
      }
    case 'v1/ServiceAccount':
      return { kind: 'ServiceAccount', object: { namespace, name } }
    case 'v1/ConfigMap':
      return { kind: 'ConfigMap', object: { namespace, name, data: parseConfigMap(fields) } }
    case 'v1/Secret':
      return { kind: 'Secret', object: { namespace, name, data: parseSecret(fields) } }
    case 'v1/Pod':
      return {
        kind: 'Pod',
        object: { namespace, name, template: parseTemplate(fields, { warn, hostPaths }) },
      }
    case 'apps/v1/Deployment':
    case 'apps/v1/ReplicaSet':
    case 'apps/v1/DaemonSet':
    case 'apps/v1/StatefulSet':
    case 'batch/v1/Job':
      return {
        kind: 'Workload',
        object: parseWorkload(kind as Workload['kind'], fields, { namespace, name }, { warn, hostPaths }),
      }
    case 'batch/v1/CronJob':
      return { kind: 'CronJob', object: parseCronJob(fields, { namespace, name }, { warn, hostPaths }) }
    case 'v1/Service':
      return { kind: 'Service', object: parseService(fields, namespace, name, raw) }
    case 'networking.k8s.io/v1/NetworkPolicy':
      return { kind: 'NetworkPolicy', object: parseNetworkPolicy(fields, namespace, name) }
    default:
      if (NOT_RUN.has(kind)) warn('kind', `${kind} is not run on one machine and is ignored`)
      return { kind: 'other', object: { namespace, name, kind } }
  }
}

function parseService(fields: Fields, namespace: string, name: string, raw: RawObject): ServiceObject {
  const spec = fields.requiredChild('spec')
  const type = spec.string('type') ?? 'ClusterIP'
  if (type === 'NodePort' || type === 'LoadBalancer') {
    spec.warn('type', `${type} gets a cluster address only; reach it from outside with --expose`)
  }
  if (spec.string('sessionAffinity') === 'ClientIP')
    spec.warn('sessionAffinity', 'ClientIP holds for callers with a sidecar alone')
  const requestedIPs =
    spec.strings('clusterIPs') ?? (spec.has('clusterIP') ? [spec.requiredString('clusterIP')] : [])
  const headless = requestedIPs[0] === 'None'
  for (const ip of headless ? [] : requestedIPs) {
    if (isIP(ip) === 0) throw invalid(spec.at('clusterIP'), `\`${ip}\` is neither an IP address nor None`)
  }
  const externalIPs = spec.strings('externalIPs') ?? []
  for (const ip of externalIPs)
    if (isIP(ip) === 0) throw invalid(spec.at('externalIPs'), `\`${ip}\` is no IP address`)
  const ports = spec.list('ports').map((port) => {
    const number = port.integer('port', 1, 65535)
    if (number === undefined) throw invalid(port.at('port'), 'is required')
    const protocol = port.string('protocol') ?? 'TCP'
    if (protocol !== 'TCP' && protocol !== 'UDP' && protocol !== 'SCTP') {
      throw invalid(port.at('protocol'), 'must be TCP, UDP or SCTP')
    }
    return {
      name: port.string('name'),
      port: number,
      targetPort: port.portReference('targetPort') ?? number,
      protocol,
      appProtocol: port.string('appProtocol'),
    } as const
  })
  if (ports.length === 0 && !headless && type !== 'ExternalName')
    throw invalid(spec.at('ports'), 'is required')
  if (ports.length > 1 && ports.some((port) => port.name === undefined)) {
    throw invalid(spec.at('ports'), 'several ports each need a name')
  }
  const policy = spec.string('ipFamilyPolicy')
  return {
    namespace,
    name,
    type: type === 'ExternalName' ? 'ExternalName' : headless ? 'Headless' : 'ClusterIP',
    selector: spec.has('selector') ? spec.textMap('selector') : undefined,
    ports,
    requestedIPs: headless ? [] : requestedIPs,
    externalIPs: headless ? [] : externalIPs.map(canonicalAddress),
    dualStack: policy === 'PreferDualStack' || policy === 'RequireDualStack',
    externalName: type === 'ExternalName' ? spec.requiredString('externalName') : undefined,
    publishNotReady: spec.boolean('publishNotReadyAddresses') ?? false,
    raw,
  }
}
