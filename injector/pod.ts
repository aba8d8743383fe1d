import type { PodOwner } from '../core/resource-attributes.ts'
import { readList, readObject, readOptionalBoolean, readOptionalInteger } from './shape.ts'
import { readOptionalObject, readOptionalString, readString, readStringMap } from './shape.ts'
import type { Json, JsonObject } from './json-patch.ts'

export const PROBE_KINDS = ['startupProbe', 'livenessProbe', 'readinessProbe'] as const
export type ProbeKind = (typeof PROBE_KINDS)[number]

/** What the injector needs to know of a container. */
export interface ContainerView {
  /** JSON Pointer of the container in the pod as it came. */
  readonly pointer: string
  readonly name: string
  readonly image: string | undefined
  readonly ports: readonly { readonly name: string | undefined; readonly number: number }[]
  readonly probes: readonly { readonly kind: ProbeKind; readonly probe: JsonObject }[]
  /** Lifecycle hooks for which the kubelet makes an HTTP or TCP call, e.g. `preStop`. */
  readonly networkHooks: readonly string[]
  readonly runAsUser: number | undefined
  readonly runAsGroup: number | undefined
}

/** What the injector needs to know of a core/v1 Pod, checked, with absent and null made the same. */
export interface PodView {
  /** For people: a pod of a controller has only `generateName` at admission. */
  readonly displayName: string
  /** '' where the API server makes it of `generateName`, after admission. */
  readonly name: string
  /** Its controller. */
  readonly owner: PodOwner | undefined
  readonly labels: ReadonlyMap<string, string>
  readonly annotations: ReadonlyMap<string, string>
  /** Which optional parents exist, because a patch can't add below a missing one. */
  readonly has: {
    readonly [parent in 'metadata' | 'labels' | 'annotations' | 'initContainers' | 'volumes']: boolean
  }
  readonly hostNetwork: boolean
  readonly shareProcessNamespace: boolean
  /** `spec.os.name`, else the node selector's. */
  readonly os: string | undefined
  readonly ownedByJob: boolean
  readonly runAsUser: number | undefined
  readonly runAsGroup: number | undefined
  /** Groups that all its processes have beside their own. */
  readonly supplementalGroups: readonly number[]
  readonly fsGroup: number | undefined
  readonly containers: readonly ContainerView[]
  readonly initContainers: readonly ContainerView[]
  readonly volumeNames: readonly string[]
}

/** Reads a Pod; throws a WeftError with the path of the first field of a wrong type. */
export function readPod(value: unknown): PodView {
  const pod = readObject(value, 'object')
  const metadata = readOptionalObject(pod['metadata'], 'metadata')
  const spec = readObject(pod['spec'], 'spec')
  const security = readOptionalObject(spec['securityContext'], 'spec.securityContext')
  const owners = readOwners(metadata?.['ownerReferences'], 'metadata.ownerReferences')
  const name = readOptionalString(metadata?.['name'], 'metadata.name')
  const generateName = readOptionalString(metadata?.['generateName'], 'metadata.generateName')
  return {
    displayName: name || (generateName ? `${generateName}*` : '(unnamed)'),
    name: name ?? '',
    owner: owners.find(({ controller }) => controller),
    labels: readStringMap(metadata?.['labels'], 'metadata.labels'),
    annotations: readStringMap(metadata?.['annotations'], 'metadata.annotations'),
    has: {
      metadata: present(pod['metadata']),
      labels: present(metadata?.['labels']),
      annotations: present(metadata?.['annotations']),
      initContainers: present(spec['initContainers']),
      volumes: present(spec['volumes']),
    },
    hostNetwork: readOptionalBoolean(spec['hostNetwork'], 'spec.hostNetwork') ?? false,
    shareProcessNamespace:
      readOptionalBoolean(spec['shareProcessNamespace'], 'spec.shareProcessNamespace') ?? false,
    os: readOs(spec),
    ownedByJob: owners.some(({ kind }) => kind === 'Job' || kind === 'CronJob'),
    runAsUser: readOptionalInteger(security?.['runAsUser'], 'spec.securityContext.runAsUser'),
    runAsGroup: readOptionalInteger(security?.['runAsGroup'], 'spec.securityContext.runAsGroup'),
    supplementalGroups: readList(
      security?.['supplementalGroups'],
      'spec.securityContext.supplementalGroups',
    ).flatMap(
      (group, at) => readOptionalInteger(group, `spec.securityContext.supplementalGroups[${at}]`) ?? [],
    ),
    fsGroup: readOptionalInteger(security?.['fsGroup'], 'spec.securityContext.fsGroup'),
    containers: readContainers(spec, 'containers'),
    initContainers: readContainers(spec, 'initContainers'),
    volumeNames: readList(spec['volumes'], 'spec.volumes').map((volume, at) =>
      readString(readObject(volume, `spec.volumes[${at}]`)['name'], `spec.volumes[${at}].name`),
    ),
  }
}

function readOwners(value: Json | undefined, field: string): (PodOwner & { controller: boolean })[] {
  return readList(value, field).map((item, at) => {
    const owner = readObject(item, `${field}[${at}]`)
    return {
      kind: readOptionalString(owner['kind'], `${field}[${at}].kind`) ?? '',
      name: readOptionalString(owner['name'], `${field}[${at}].name`) ?? '',
      controller: readOptionalBoolean(owner['controller'], `${field}[${at}].controller`) ?? false,
    }
  })
}

function readOs(spec: JsonObject): string | undefined {
  const os = readOptionalObject(spec['os'], 'spec.os')
  const selector = readStringMap(spec['nodeSelector'], 'spec.nodeSelector')
  return readOptionalString(os?.['name'], 'spec.os.name') ?? selector.get('kubernetes.io/os')
}

function readContainers(spec: JsonObject, list: 'containers' | 'initContainers'): ContainerView[] {
  return readList(spec[list], `spec.${list}`).map((item, at) => {
    const field = `spec.${list}[${at}]`
    const container = readObject(item, field)
    const security = readOptionalObject(container['securityContext'], `${field}.securityContext`)
    return {
      pointer: `/spec/${list}/${at}`,
      name: readString(container['name'], `${field}.name`),
      image: readOptionalString(container['image'], `${field}.image`),
      ports: readPorts(container['ports'], `${field}.ports`),
      probes: PROBE_KINDS.flatMap((kind) => {
        const probe = readOptionalObject(container[kind], `${field}.${kind}`)
        return probe ? [{ kind, probe }] : []
      }),
      networkHooks: readNetworkHooks(container['lifecycle'], `${field}.lifecycle`),
      runAsUser: readOptionalInteger(security?.['runAsUser'], `${field}.securityContext.runAsUser`),
      runAsGroup: readOptionalInteger(security?.['runAsGroup'], `${field}.securityContext.runAsGroup`),
    }
  })
}

function readPorts(value: Json | undefined, field: string): { name: string | undefined; number: number }[] {
  return readList(value, field).flatMap((item, at) => {
    const port = readObject(item, `${field}[${at}]`)
    const number = readOptionalInteger(port['containerPort'], `${field}[${at}].containerPort`)
    const protocol = readOptionalString(port['protocol'], `${field}[${at}].protocol`) ?? 'TCP'
    if (number === undefined || protocol !== 'TCP') return []
    return [{ name: readOptionalString(port['name'], `${field}[${at}].name`), number }]
  })
}

function readNetworkHooks(value: Json | undefined, field: string): string[] {
  const lifecycle = readOptionalObject(value, field)
  return ['postStart', 'preStop'].filter((hook) => {
    const handler = readOptionalObject(lifecycle?.[hook], `${field}.${hook}`)
    return present(handler?.['httpGet']) || present(handler?.['tcpSocket'])
  })
}

function present(value: Json | undefined): boolean {
  return value !== undefined && value !== null
}
