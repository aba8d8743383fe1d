import type { CheckCode } from '../../core/checks/catalog.ts'
import { closestName } from '../../core/closest-name.ts'
import { ANNOTATION_PREFIX, INJECT_LABEL, INJECTED_LABEL } from '../../core/contract.ts'
import type { FieldProblem } from '../registry/fields.ts'

export interface LabelProblem extends FieldProblem {
  readonly code: CheckCode
  readonly severity: 'error' | 'warning'
  readonly remedy: string
}

type Texts = Readonly<Record<string, unknown>>

/** What asks for a sidecar of another mesh, on namespaces and pods. Sources: those meshes' documentation of injection. */
const OTHER_MESHES: Readonly<Record<string, string>> = {
  'istio-injection': 'Istio',
  'istio.io/rev': 'Istio',
  'istio.io/dataplane-mode': 'Istio',
  'sidecar.istio.io/inject': 'Istio',
  'linkerd.io/inject': 'Linkerd',
  'kuma.io/sidecar-injection': 'Kuma',
  'consul.hashicorp.com/connect-inject': 'Consul',
  'openservicemesh.io/sidecar-injection': 'Open Service Mesh',
}
const OFF = new Set(['disabled', 'false', 'no', 'off', 'none'])

/**
 * What the labels of a namespace, or of a pod (`owner`), say that the mesh does not act on: a wrong value, a name that is
 * not there, another mesh's. `path` is that of the metadata. Labels are untrusted: of a document as it was written.
 */
export function injectionLabelProblems(
  owner: 'namespace' | 'pod',
  labels: Texts,
  annotations: Texts,
  path: readonly (string | number)[] = ['metadata'],
): LabelProblem[] {
  const problems: LabelProblem[] = []
  const tell = (
    map: string,
    key: string,
    severity: LabelProblem['severity'],
    message: string,
    remedy: string,
    code: CheckCode = 'WEFT0401',
  ) => problems.push({ code, path: [...path, map, key], severity, message, remedy })
  for (const [key, value] of Object.entries(labels)) {
    if (key === INJECT_LABEL) {
      if (value === 'enabled' || value === 'disabled') continue
      const word = OFF.has(String(value).toLowerCase()) ? 'disabled' : 'enabled'
      const message = `is ${JSON.stringify(value)}, which decides nothing: the value is enabled or disabled`
      tell('labels', key, 'error', message, `write ${INJECT_LABEL}: ${word}`)
    } else if (key.startsWith(ANNOTATION_PREFIX) && key !== INJECTED_LABEL) {
      tell('labels', key, 'error', 'is no label of Weft', ourLabelRemedy(key))
    }
  }
  if (INJECT_LABEL in annotations) {
    const message = 'is a label: as an annotation it decides nothing'
    tell('annotations', INJECT_LABEL, 'error', message, `move it to the labels of the ${owner}`)
  }
  if (INJECT_LABEL in labels) return problems
  for (const [map, texts] of [
    ['labels', labels],
    ['annotations', annotations],
  ] as const) {
    for (const [key, value] of Object.entries(texts)) {
      const mesh = Object.hasOwn(OTHER_MESHES, key) ? OTHER_MESHES[key] : undefined
      if (mesh === undefined || OFF.has(String(value))) continue
      const message = `asks ${mesh} for a sidecar and means nothing to Weft`
      tell(
        map,
        key,
        'warning',
        message,
        `for Weft's, write the label ${INJECT_LABEL}: enabled on the ${owner}`,
        'WEFT0402',
      )
    }
  }
  return problems
}

/** The same on objects whose labels decide nothing about sidecars, such as a Deployment. */
export function strayLabelProblems(kind: string, labels: Texts, pods: string | undefined): LabelProblem[] {
  return Object.keys(labels)
    .filter((key) => key.startsWith(ANNOTATION_PREFIX))
    .map((key) => ({
      code: 'WEFT0007',
      path: ['metadata', 'labels', key],
      severity: 'warning',
      message: `decides nothing on a ${kind}`,
      remedy:
        pods === undefined
          ? 'write it on the Namespace, or on a pod'
          : `write it on the Namespace, or on the pods: ${pods}`,
    }))
}

function ourLabelRemedy(key: string): string {
  const meant = closestName(key, [INJECT_LABEL])
  return meant === undefined
    ? `the label is ${INJECT_LABEL}; settings of a pod are annotations (docs/annotations.md)`
    : `did you mean ${meant}?`
}
