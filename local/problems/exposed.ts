import { didYouMean } from '../../core/closest-name.ts'
import type { Problem } from '../../core/problem.ts'
import { listOf, mapOf, problemOf, type CheckedObject } from './checked.ts'

/** Of `--expose`, each as `name.namespace:port`: Services that no manifest has, and ports that they do not have. */
export function exposedProblems(targets: Iterable<string>, objects: readonly CheckedObject[]): Problem[] {
  const services = objects.filter(({ kind, apiVersion }) => kind === 'Service' && apiVersion === 'v1')
  return [...targets].flatMap((target) => {
    const [, name = '', namespace = '', port = ''] = /^([^.]+)\.([^:]+):(\d+)$/.exec(target) ?? []
    const service = services.find((one) => one.name === name && one.namespace === namespace)
    if (!service) {
      const names = services.map((one) => `${one.name}.${one.namespace}`)
      const there = names.length === 0 ? 'write that Service' : `there are ${names.join(', ')}`
      const remedy = didYouMean(`${name}.${namespace}`, names, there)
      const message = `--expose ${target} leads nowhere: no manifest has this Service`
      const none = { file: null, line: null, column: null, field: '', kind: 'Service', namespace, name }
      return [{ code: 'WEFT0010' as const, ...none, severity: 'error' as const, message, remedy }]
    }
    const ports = listOf(mapOf(service.raw['spec'])['ports']).map((one) => String(mapOf(one)['port']))
    if (ports.includes(port)) return []
    const message = `--expose ${target} leads nowhere: the Service has no port ${port}`
    const remedy = ports.length === 0 ? 'give it one' : `it has ${ports.join(', ')}`
    return [problemOf(service, 'WEFT0010', 'spec.ports', 'error', message, remedy)]
  })
}
