import { createHash } from 'node:crypto'
import { isIP } from 'node:net'
import { Fields, invalid } from './fields.ts'
import type { Warn } from './fields.ts'
import type {
  ConfigMapObject,
  DeploymentObject,
  NamespaceObject,
  PodObject,
  PodTemplate,
  RawObject,
  ServiceObject,
} from './objects.ts'
import { parsePodSpec } from './parse-pod.ts'

/** One understood object; `other` is left to whoever reads the same files (routes, policies). */
export type ParsedObject =
  | { readonly kind: 'Namespace'; readonly object: NamespaceObject }
  | { readonly kind: 'ServiceAccount'; readonly object: { namespace: string; name: string } }
  | { readonly kind: 'ConfigMap'; readonly object: ConfigMapObject }
  | { readonly kind: 'Deployment'; readonly object: DeploymentObject }
  | { readonly kind: 'Pod'; readonly object: PodObject }
  | { readonly kind: 'Service'; readonly object: ServiceObject }
  | { readonly kind: 'other'; readonly object: { namespace: string; name: string; kind: string } }

/** Kinds that would run something or hold data here, and are not supported: silence would mislead. */
const NOT_RUN = new Set([
  'StatefulSet',
  'DaemonSet',
  'ReplicaSet',
  'Job',
  'CronJob',
  'Secret',
  'PersistentVolumeClaim',
  'Ingress',
  'NetworkPolicy',
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
      return { kind: 'Namespace', object: { name, labels: metadata.textMap('labels') } }
    case 'v1/ServiceAccount':
      return { kind: 'ServiceAccount', object: { namespace, name } }
    case 'v1/ConfigMap':
      return { kind: 'ConfigMap', object: { namespace, name, data: fields.textMap('data') } }
    case 'v1/Pod':
      return { kind: 'Pod', object: { namespace, name, template: parseTemplate(fields, warn, hostPaths) } }
    case 'apps/v1/Deployment':
      return { kind: 'Deployment', object: parseDeployment(fields, namespace, name, warn, hostPaths) }
    case 'v1/Service':
      return { kind: 'Service', object: parseService(fields, namespace, name, raw) }
    default:
      if (NOT_RUN.has(kind)) warn('kind', `${kind} is not run on one machine and is ignored`)
      return { kind: 'other', object: { namespace, name, kind } }
  }
}

function parseTemplate(fields: Fields, warn: Warn, hostPaths?: ReadonlySet<string>): PodTemplate {
  const metadata = fields.child('metadata')
  const raw = { metadata: metadata?.raw ?? {}, spec: fields.raw['spec'] }
  return {
    raw,
    labels: metadata?.textMap('labels') ?? {},
    annotations: metadata?.textMap('annotations') ?? {},
    spec: parsePodSpec(raw.spec, fields.at('spec'), warn, hostPaths),
    hash: createHash('sha256').update(canonical(raw)).digest('hex').slice(0, 10),
  }
}

function parseDeployment(
  fields: Fields,
  namespace: string,
  name: string,
  warn: Warn,
  hostPaths?: ReadonlySet<string>,
): DeploymentObject {
  const spec = fields.requiredChild('spec')
  spec.only(
    ['replicas', 'selector', 'template', 'strategy'],
    ['revisionHistoryLimit', 'progressDeadlineSeconds', 'minReadySeconds', 'paused'],
  )
  const template = parseTemplate(spec.requiredChild('template'), warn, hostPaths)
  const selectorFields = spec.requiredChild('selector')
  selectorFields.only(['matchLabels'])
  const selector = selectorFields.textMap('matchLabels')
  if (Object.keys(selector).length === 0) throw invalid(selectorFields.at('matchLabels'), 'is required')
  for (const [label, wanted] of Object.entries(selector)) {
    if (template.labels[label] === wanted) continue
    throw invalid(
      `${selectorFields.at('matchLabels')}.${label}`,
      'does not match the labels of spec.template.metadata: write the same label with the same value there',
    )
  }
  if (template.spec.restartPolicy !== 'Always') {
    throw invalid('spec.template.spec.restartPolicy', 'must be Always in a Deployment')
  }
  const replicas = spec.integer('replicas', 0, 1000) ?? 1
  return { namespace, name, replicas, selector, template, strategy: parseStrategy(spec, replicas) }
}

/** Kubernetes' defaults are 25 % each; surge is rounded up, unavailable down, and one of them is above 0. */
function parseStrategy(spec: Fields, replicas: number): DeploymentObject['strategy'] {
  const strategy = spec.child('strategy')
  if (strategy?.string('type') === 'Recreate') return 'recreate'
  const rolling = strategy?.child('rollingUpdate')
  const amount = (name: string, round: (value: number) => number): number => {
    const value = rolling?.raw[name] ?? '25%'
    if (typeof value === 'number' && Number.isInteger(value) && value >= 0) return value
    const percent = typeof value === 'string' ? /^(\d{1,3})%$/.exec(value) : null
    if (!percent) {
      throw invalid(
        rolling?.at(name) ?? 'spec.strategy',
        'must be a number of pods or a percentage such as 25%',
      )
    }
    return round((Number(percent[1]) * replicas) / 100)
  }
  const maxUnavailable = amount('maxUnavailable', Math.floor)
  const maxSurge = amount('maxSurge', Math.ceil)
  return { maxUnavailable, maxSurge: maxSurge + maxUnavailable === 0 ? 1 : maxSurge }
}

function parseService(fields: Fields, namespace: string, name: string, raw: RawObject): ServiceObject {
  const spec = fields.requiredChild('spec')
  const type = spec.string('type') ?? 'ClusterIP'
  if (type === 'NodePort' || type === 'LoadBalancer') {
    spec.warn('type', `${type} gets a cluster address only; reach it from outside with --expose`)
  }
  if (spec.string('sessionAffinity') === 'ClientIP') spec.warn('sessionAffinity', 'ClientIP is ignored')
  const requestedIPs =
    spec.strings('clusterIPs') ?? (spec.has('clusterIP') ? [spec.requiredString('clusterIP')] : [])
  const headless = requestedIPs[0] === 'None'
  for (const ip of headless ? [] : requestedIPs) {
    if (isIP(ip) === 0) throw invalid(spec.at('clusterIP'), `\`${ip}\` is neither an IP address nor None`)
  }
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
    dualStack: policy === 'PreferDualStack' || policy === 'RequireDualStack',
    externalName: type === 'ExternalName' ? spec.requiredString('externalName') : undefined,
    publishNotReady: spec.boolean('publishNotReadyAddresses') ?? false,
    raw,
  }
}

/** JSON with sorted keys: the same for the same content, whatever its order. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, entry: unknown) =>
    typeof entry === 'object' && entry !== null && !Array.isArray(entry)
      ? Object.fromEntries(Object.entries(entry).sort(([a], [b]) => (a < b ? -1 : 1)))
      : entry,
  )
}
