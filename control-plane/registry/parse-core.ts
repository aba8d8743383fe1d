import type { FieldReader } from '../../core/manifest/fields.ts'
import type {
  EndpointSliceObject,
  NamespaceObject,
  PeerAuthenticationObject,
  PodObject,
  ServiceObject,
} from './objects.ts'

const SERVICE_LABEL = 'kubernetes.io/service-name'
/** Set by the injector on every pod that it gave a sidecar. */
const INJECTED_ANNOTATION = 'weft.dev/status'

// Objects that Kubernetes has validated and that others write: unknown fields are theirs, and are not looked at.

export function namespaceOf(metadata: FieldReader): string {
  return metadata.string('namespace') ?? 'default'
}

export function parseNamespace(_object: FieldReader, metadata: FieldReader): NamespaceObject {
  return { kind: 'Namespace', name: metadata.required('name'), labels: metadata.texts('labels') }
}

export function parseService(object: FieldReader, metadata: FieldReader): ServiceObject {
  const spec = object.child('spec')
  if (!spec) throw object.fail('spec', 'is required')
  const single = spec.string('clusterIP')
  const addresses = spec.strings('clusterIPs')
  const all = addresses.length > 0 ? addresses : single === undefined || single === '' ? [] : [single]
  return {
    kind: 'Service',
    namespace: namespaceOf(metadata),
    name: metadata.required('name'),
    clusterIPs: all.filter((address) => address !== 'None'),
    external: spec.string('type') === 'ExternalName',
    selector: spec.texts('selector'),
    ports: spec
      .list('ports')
      // Only TCP is captured.
      .filter((port) => (port.string('protocol') ?? 'TCP') === 'TCP')
      .map((port) => {
        const number = port.integer('port', 1, 65_535)
        if (number === undefined) throw port.fail('port', 'is required')
        const target = port.raw['targetPort']
        return {
          name: port.string('name') ?? '',
          port: number,
          targetPort: typeof target === 'string' ? target : (port.integer('targetPort', 1, 65_535) ?? number),
          appProtocol: port.string('appProtocol'),
        }
      }),
  }
}

export function parseEndpointSlice(object: FieldReader, metadata: FieldReader): EndpointSliceObject {
  return {
    kind: 'EndpointSlice',
    namespace: namespaceOf(metadata),
    name: metadata.required('name'),
    service: metadata.texts('labels')[SERVICE_LABEL] ?? '',
    ports: object.list('ports').flatMap((port) => {
      const number = port.integer('port', 1, 65_535)
      return number === undefined ? [] : [{ name: port.string('name') ?? '', port: number }]
    }),
    endpoints: object.list('endpoints').map((endpoint) => {
      const conditions = endpoint.child('conditions')
      // discovery.k8s.io/v1: an absent `ready` means true, and `serving` defaults to `ready`.
      const ready = conditions?.boolean('ready') ?? true
      const target = endpoint.child('targetRef')
      return {
        addresses: endpoint.strings('addresses'),
        ready,
        serving: conditions?.boolean('serving') ?? ready,
        terminating: conditions?.boolean('terminating') ?? false,
        pod: target?.string('kind') === 'Pod' ? (target.string('name') ?? '') : '',
      }
    }),
  }
}

export function parsePod(object: FieldReader, metadata: FieldReader): PodObject {
  const spec = object.child('spec')
  const status = object.child('status')
  const single = status?.string('podIP')
  const addresses = (status?.list('podIPs') ?? []).flatMap((entry) => entry.string('ip') ?? [])
  const containers = [...(spec?.list('containers') ?? []), ...(spec?.list('initContainers') ?? [])]
  return {
    kind: 'Pod',
    namespace: namespaceOf(metadata),
    name: metadata.required('name'),
    labels: metadata.texts('labels'),
    serviceAccount: spec?.string('serviceAccountName') ?? 'default',
    addresses: addresses.length > 0 ? addresses : single ? [single] : [],
    containerPorts: containers.flatMap((container) =>
      container.list('ports').flatMap((port) => port.integer('containerPort', 1, 65_535) ?? []),
    ),
    meshed: metadata.texts('annotations')[INJECTED_ANNOTATION] !== undefined,
  }
}

export function parsePeerAuthentication(
  object: FieldReader,
  metadata: FieldReader,
): PeerAuthenticationObject {
  const spec = object.child('spec')
  if (!spec) throw object.fail('spec', 'is required')
  spec.only('selector', 'mtls')
  const selector = spec.child('selector')
  selector?.only('matchLabels')
  const mtls = spec.child('mtls')
  if (!mtls) throw spec.fail('mtls', 'is required')
  mtls.only('mode')
  const mode = mtls.oneOf('mode', ['STRICT', 'PERMISSIVE'])
  if (mode === undefined) throw mtls.fail('mode', 'is required: STRICT or PERMISSIVE')
  return {
    kind: 'PeerAuthentication',
    namespace: namespaceOf(metadata),
    name: metadata.required('name'),
    selector: selector?.texts('matchLabels') ?? {},
    mode,
  }
}
