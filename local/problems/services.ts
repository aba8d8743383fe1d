import { closestName } from '../../core/closest-name.ts'
import type { Problem } from '../../core/problem.ts'
import { listOf, mapOf, problemOf, textOf, type CheckedObject } from './checked.ts'
import {
  containersOf,
  matches,
  podTemplateOf,
  textsOf,
  portNameRemedy,
  type PodTemplate,
} from './pod-templates.ts'

type Texts = Readonly<Record<string, string>>

/** Services, and policies, that select nothing, and ports of Services that no container of their pods has. */
export function selectionProblems(objects: readonly CheckedObject[]): Problem[] {
  const templates = objects.flatMap((object) => podTemplateOf(object) ?? [])
  return objects.flatMap((object) => {
    if (object.kind === 'PeerAuthentication') return policyProblems(object, templates)
    if (object.kind !== 'Service' || object.apiVersion !== 'v1') return []
    const spec = mapOf(object.raw['spec'])
    const selector = textsOf(spec['selector'])
    if (Object.keys(selector).length === 0 || spec['type'] === 'ExternalName') return []
    const selected = selectedBy(selector, object.namespace, templates)
    if (selected.length > 0) return portProblems(object, selected)
    const message = `selects no pod: none has ${describe(selector)} in namespace ${object.namespace}`
    const remedy = selectorRemedy(selector, object.namespace, templates)
    return [problemOf(object, 'WEFT0201', 'spec.selector', 'warning', message, remedy)]
  })
}

function policyProblems(object: CheckedObject, templates: readonly PodTemplate[]): Problem[] {
  const selector = textsOf(mapOf(mapOf(object.raw['spec'])['selector'])['matchLabels'])
  if (Object.keys(selector).length === 0) return []
  if (selectedBy(selector, object.namespace, templates).length > 0) return []
  const message = `is for no pod: none has ${describe(selector)} in namespace ${object.namespace}`
  const remedy = selectorRemedy(selector, object.namespace, templates)
  return [problemOf(object, 'WEFT0305', 'spec.selector.matchLabels', 'warning', message, remedy)]
}

function portProblems(object: CheckedObject, selected: readonly PodTemplate[]): Problem[] {
  const names = new Set(selected.flatMap((template) => containersOf(template).flatMap(({ ports }) => ports)))
  return listOf(mapOf(object.raw['spec'])['ports']).flatMap((port, index) => {
    const target = textOf(mapOf(port)['targetPort'])
    if (target === '' || names.has(target)) return []
    const pods = selected.map(({ object: owner }) => `${owner.kind} ${owner.name}`).join(', ')
    const message = `no container has a port named ${target} in the pods that it selects (${pods})`
    const field = ['spec', 'ports', index, 'targetPort']
    return [problemOf(object, 'WEFT0202', field, 'error', message, portNameRemedy(target, [...names]))]
  })
}

function selectedBy(selector: Texts, namespace: string, templates: readonly PodTemplate[]): PodTemplate[] {
  return templates.filter(
    ({ object, metadata }) =>
      object.namespace === namespace && matches(textsOf(metadata['labels']), selector),
  )
}

function selectorRemedy(selector: Texts, namespace: string, templates: readonly PodTemplate[]): string {
  const elsewhere = templates.find(({ metadata }) => matches(textsOf(metadata['labels']), selector))
  if (elsewhere) {
    const { kind, name, namespace: other } = elsewhere.object
    return `${kind} ${name} with these labels is in namespace ${other}: write namespace: ${other}`
  }
  for (const { object, metadata } of templates) {
    if (object.namespace !== namespace) continue
    const labels = textsOf(metadata['labels'])
    const wrong = Object.entries(selector).filter(([key, value]) => labels[key] !== value)
    const [[key, value] = ['', ''], ...more] = wrong
    const own = labels[key] ?? labels[closestName(key, Object.keys(labels)) ?? '']
    if (more.length > 0 || own === undefined) continue
    if (own === value || closestName(value, [own]) !== undefined) {
      return `did you mean ${describe(labels)}, which the pods of ${object.kind} ${object.name} have?`
    }
  }
  return `give pods these labels, or select by labels that pods have`
}

function describe(labels: Texts): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}: ${value}`)
    .join(', ')
}
