import packageJson from '../../package.json' with { type: 'json' }
import { configurationFindings } from '../../control-plane/problems/configuration/configuration.ts'
import type { CheckedMesh, CheckedPod } from '../../control-plane/problems/configuration/checked-mesh.ts'
import { CHECKS } from '../../core/checks/catalog.ts'
import { withoutIgnored, type Suppressed } from '../../core/checks/lint-ignore.ts'
import { INJECT_LABEL } from '../../core/contract.ts'
import { inOrder, together, type Problem } from '../../core/problem.ts'
import { injectPod } from '../../injector/inject-pod.ts'
import { defaultSettings } from '../../injector/settings.ts'
import { manifestProblems } from './check-manifests.ts'
import { listOf, mapOf, problemOf, textOf, type CheckedFile, type CheckedObject } from './checked.ts'
import { meshOfManifests } from './manifest-mesh.ts'
import { NAMESPACES_OF_EVERY_CLUSTER } from './namespaces.ts'
import { podTemplateOf, textsOf, type PodTemplate } from './pod-templates.ts'

export interface Lint {
  /** In order. */
  readonly findings: readonly Problem[]
  /** Those that their objects leave out, and why. */
  readonly suppressed: readonly Suppressed[]
}

const SETTINGS = defaultSettings(packageJson.version)

/**
 * Everything that is found in manifests for a cluster: what is wrong by itself, and what is odd together. What only a one-machine
 * cluster would say of them is not among it.
 */
export function lintManifests(files: readonly CheckedFile[]): Lint {
  const objects = files.flatMap((file) => file.objects)
  const { snapshot, mesh, byName } = meshOfManifests(objects)
  const checked: CheckedMesh = {
    snapshot,
    mesh,
    pods: podsOf(objects),
    namespaces: new Set([...NAMESPACES_OF_EVERY_CLUSTER, ...objects.map(namespaceOf)]),
  }
  const placed = (problem: Problem): Problem => {
    const object = byName.get(`${problem.kind} ${problem.namespace}/${problem.name}`)
    if (!object || problem.file !== null) return problem
    const { code, field, severity, message, remedy, effect } = problem
    const own = problemOf(object, code, field, severity, message, remedy)
    return effect === undefined ? own : { ...own, effect }
  }
  const alone = manifestProblems(files).filter(({ code }) => CHECKS[code].by !== 'machine')
  const found = together(alone, configurationFindings(checked).map(placed))
  const { kept, suppressed } = withoutIgnored(
    found,
    objects.map(({ kind, namespace, name, raw }) => ({
      kind,
      namespace,
      name,
      annotations: textsOf(mapOf(raw['metadata'])['annotations']),
    })),
  )
  return { findings: inOrder(kept.map(placed)), suppressed }
}

function namespaceOf({ kind, namespace, name }: CheckedObject): string {
  return kind === 'Namespace' ? name : namespace
}

/** One of each kind that the objects make, as the injector would let it in. */
function podsOf(objects: readonly CheckedObject[]): CheckedPod[] {
  const labels = new Map(
    objects
      .filter(({ kind }) => kind === 'Namespace')
      .map(({ name, raw }) => [name, textsOf(mapOf(raw['metadata'])['labels'])]),
  )
  return objects.flatMap((object) => {
    const template = podTemplateOf(object)
    return template ? [podOf(object, template, labels.get(object.namespace) ?? {})] : []
  })
}

function podOf(
  { kind, namespace, name }: CheckedObject,
  template: PodTemplate,
  namespaceLabels: Readonly<Record<string, string>>,
): CheckedPod {
  const { metadata, spec } = template
  const labels = textsOf(metadata['labels'])
  const meshed = wouldGetSidecar(template, namespace, namespaceLabels)
  const ports = ['initContainers', 'containers'].flatMap((list) =>
    listOf(spec[list]).flatMap((container) => listOf(mapOf(container)['ports']).map(mapOf)),
  )
  return {
    maker: { kind, namespace, name },
    meta: { namespace, name, labels },
    serviceAccount: textOf(spec['serviceAccountName']) || 'default',
    meshed,
    leftOut:
      namespaceLabels[INJECT_LABEL] === 'enabled' && labels[INJECT_LABEL] === 'disabled'
        ? `it is labelled ${INJECT_LABEL}: disabled`
        : '',
    ports: ports.flatMap((port) => {
      const number = port['containerPort']
      return typeof number === 'number' ? [{ name: textOf(port['name']), port: number }] : []
    }),
  }
}

function wouldGetSidecar(
  { metadata, spec }: PodTemplate,
  name: string,
  labels: Readonly<Record<string, string>>,
): boolean {
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { generateName: 'x-', ...metadata }, spec }
  try {
    return injectPod(pod, { name, labels }, SETTINGS).injected
  } catch {
    // Of a pod that the injector refuses that is told.
    return false
  }
}
