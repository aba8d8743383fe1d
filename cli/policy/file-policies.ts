import { PROXY_CONTAINER } from '../../core/contract.ts'
import { WeftError } from '../../core/errors.ts'
import { targetsOf, workloadAuthorization } from '../../control-plane/authorization-view.ts'
import { readDocuments } from '../../control-plane/registry/documents.ts'
import type { MeshObject } from '../../control-plane/registry/kinds/kinds.ts'
import { parseManifests, readMeshObject } from '../../control-plane/registry/parse-manifests.ts'
import { applyChanges, EMPTY_SNAPSHOT } from '../../control-plane/registry/snapshot.ts'
import { formatSourceError } from '../../control-plane/registry/source.ts'
import { Translator } from '../../control-plane/translate/translate.ts'
import { isObject, type Json, type JsonObject } from '../../injector/json-patch.ts'
import { listAt, textAt, textsAt, valueAt } from '../cluster/objects.ts'
import { readInputs } from '../inject/read-inputs.ts'
import { podTemplates } from '../inject/pod-templates.ts'
import type { PolicySource } from './policy-source.ts'

/** Of manifests nobody says otherwise. */
const TRUST_DOMAIN = 'cluster.local'

interface WrittenPod {
  readonly namespace: string
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly address: string
  readonly pod: JsonObject
}

/**
 * What manifests say, as the control plane would take them, of one pod of each workload in them, with a sidecar. Throws
 * WeftError `policy.manifests` that says what in them cannot be read, and what reading files throws.
 */
export async function filePolicies(paths: readonly string[]): Promise<PolicySource> {
  const texts = await readInputs(paths)
  const objects: MeshObject[] = []
  const documents: Json[] = []
  for (const { origin, text } of texts) {
    const parsed = parseManifests(origin, text)
    const [error] = parsed.errors
    if (error) throw new WeftError('policy.manifests', formatSourceError(error))
    objects.push(...parsed.objects.map(({ object }) => object).filter(({ kind }) => kind !== 'Pod'))
    documents.push(...readDocuments(text).documents.map(({ value }) => value as Json))
  }
  const pods = documents.flatMap((document) => podTemplates(document)).map(writtenPod)
  const made = [...pods.map(podObject), ...documents.flatMap((document) => sliceObjects(document, pods))]
  objects.push(...made.flatMap((value) => readMeshObject({ value }).object ?? []))
  const snapshot = applyChanges(
    EMPTY_SNAPSHOT,
    objects.map((object) => ({ op: 'put', object })),
  )
  const mesh = new Translator({ trustDomain: TRUST_DOMAIN }).translate(snapshot)
  return {
    workload: async (namespace, pod) => workloadAuthorization(mesh, namespace, pod),
    targets: async (namespace, name, port) => targetsOf(mesh, namespace, name, port),
  }
}

function writtenPod(
  { name, namespace, pod }: ReturnType<typeof podTemplates>[number],
  index: number,
): WrittenPod {
  return {
    // Of a workload and of what it makes.
    namespace: namespace ?? 'default',
    name: name.replaceAll('*', ''),
    labels: textsAt(pod, 'metadata', 'labels'),
    // Of those for benchmarks (RFC 2544), which no cluster has.
    address: `198.18.${index >> 8}.${index & 255}`,
    pod,
  }
}

/** The pod as it will be, with its sidecar. */
function podObject({ namespace, name, address, pod }: WrittenPod): JsonObject {
  const metadata = valueAt(pod, 'metadata')
  const spec = valueAt(pod, 'spec')
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...(isObject(metadata) ? metadata : {}), namespace, name },
    spec: {
      ...(isObject(spec) ? spec : {}),
      containers: [...listAt(spec, 'containers'), { name: PROXY_CONTAINER }],
    },
    status: { podIP: address },
  }
}

/** The endpoints of a Service, a slice for each pod that it selects. */
function sliceObjects(document: Json, pods: readonly WrittenPod[]): JsonObject[] {
  if (textAt(document, 'kind') !== 'Service') return []
  const namespace = textAt(document, 'metadata', 'namespace') || 'default'
  const name = textAt(document, 'metadata', 'name')
  const selector = Object.entries(textsAt(document, 'spec', 'selector'))
  if (selector.length === 0) return []
  return pods
    .filter(
      (pod) => pod.namespace === namespace && selector.every(([key, value]) => pod.labels[key] === value),
    )
    .map((pod) => ({
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { namespace, name: `${name}-${pod.name}`, labels: { 'kubernetes.io/service-name': name } },
      addressType: 'IPv4',
      ports: listAt(document, 'spec', 'ports').flatMap((port) => {
        const number = targetPort(port, pod.pod)
        return number === undefined ? [] : [{ name: textAt(port, 'name'), port: number }]
      }),
      endpoints: [{ addresses: [pod.address], targetRef: { kind: 'Pod', namespace, name: pod.name } }],
    }))
}

/** The number of a container's port that a Service's leads to; undefined: the pod has none of that name. */
function targetPort(port: Json, pod: JsonObject): number | undefined {
  const target = valueAt(port, 'targetPort') ?? valueAt(port, 'port')
  if (typeof target !== 'string') return typeof target === 'number' ? target : undefined
  const named = listAt(pod, 'spec', 'containers')
    .flatMap((container) => listAt(container, 'ports'))
    .find((one) => textAt(one, 'name') === target)
  const number = valueAt(named, 'containerPort')
  return typeof number === 'number' ? number : undefined
}
