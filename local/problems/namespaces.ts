import { closestName } from '../../core/closest-name.ts'
import { SYSTEM_NAMESPACE } from '../../core/contract.ts'
import type { Problem } from '../../core/problem.ts'
import { problemOf, textOf, type CheckedObject } from './checked.ts'
import { podTemplateOf } from './pod-templates.ts'

/** Those that every cluster has, and where the mesh is. */
export const NAMESPACES_OF_EVERY_CLUSTER: readonly string[] = [
  'default',
  'kube-system',
  'kube-public',
  'kube-node-lease',
  SYSTEM_NAMESPACE,
]

/** Objects in namespaces that do not exist: told once a namespace. */
export function namespaceProblems(objects: readonly CheckedObject[]): Problem[] {
  const names = [
    ...NAMESPACES_OF_EVERY_CLUSTER,
    ...objects.flatMap(({ kind, name }) => (kind === 'Namespace' ? [name] : [])),
  ]
  const known = new Set(names)
  const missing = Map.groupBy(
    objects.filter(({ namespace }) => namespace !== '' && !known.has(namespace)),
    ({ namespace }) => namespace,
  )
  return [...missing].map(([namespace, [first, ...more]]) => {
    const others = more.length === 1 ? 'another object are' : `${more.length} other objects are`
    const what =
      more.length === 0
        ? ': a cluster refuses what is in it'
        : `, in which this and ${others}: a cluster refuses them`
    const meant = closestName(namespace, known)
    const remedy =
      meant === undefined
        ? `add a Namespace ${namespace}`
        : `did you mean ${meant}? Else add a Namespace ${namespace}`
    const message = `there is no Namespace ${namespace}${what}`
    return problemOf(first as CheckedObject, 'WEFT0005', 'metadata.namespace', 'error', message, remedy)
  })
}

/** Pods whose ServiceAccount does not exist: none of them is made. */
export function serviceAccountProblems(objects: readonly CheckedObject[]): Problem[] {
  const accounts = objects.filter(({ kind }) => kind === 'ServiceAccount')
  return objects.flatMap((object) => {
    const template = podTemplateOf(object)
    const field = template?.spec['serviceAccountName'] === undefined ? 'serviceAccount' : 'serviceAccountName'
    const wanted = textOf(template?.spec[field])
    if (!template || wanted === '' || wanted === 'default') return []
    const own = accounts.filter(({ namespace }) => namespace === object.namespace).map(({ name }) => name)
    if (own.includes(wanted)) return []
    const meant = closestName(wanted, own)
    const message = `there is no ServiceAccount ${object.namespace}/${wanted}, so no pod is made`
    const remedy =
      meant === undefined
        ? `add a ServiceAccount ${wanted} in namespace ${object.namespace}`
        : `did you mean ${meant}?`
    return [problemOf(object, 'WEFT0406', [...template.path, 'spec', field], 'error', message, remedy)]
  })
}
