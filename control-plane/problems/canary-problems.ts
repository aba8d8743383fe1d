import type { CheckCode } from '../../core/checks/catalog.ts'
import type { Problem } from '../../core/problem.ts'
import { formatPath } from '../registry/fields.ts'
import type { CanaryObject } from '../registry/kinds/canary.ts'
import type { Snapshot } from '../registry/snapshot.ts'

type Inputs = Pick<Snapshot, 'canaries' | 'httpRoutes' | 'grpcRoutes'>

/** Canaries that can't move anything as the routes are now, each with what helps. */
export function canaryProblems({ canaries, httpRoutes, grpcRoutes }: Inputs): Problem[] {
  const owners = new Map<string, string>()
  return [...canaries.values()].flatMap((canary) => {
    const { meta, spec } = canary
    const { kind, name } = spec.route
    const key = `${kind} ${meta.namespace}/${name}`
    const route = (kind === 'HTTPRoute' ? httpRoutes : grpcRoutes).get(`${meta.namespace}/${name}`)
    const place = ['spec', 'routeRef', 'name']
    if (!route)
      return [
        problemOf(
          canary,
          'WEFT0501',
          place,
          `${key} is not there`,
          `make it, or name one that is in namespace ${meta.namespace}`,
        ),
      ]
    const owner = owners.get(key)
    if (owner !== undefined)
      return [
        problemOf(
          canary,
          'WEFT0502',
          place,
          `${key} is moved by Canary ${owner} already`,
          'keep one of the two',
        ),
      ]
    owners.set(key, meta.name)
    const both = route.rules.some(({ backendRefs }) =>
      [spec.stable, spec.canary].every((one) =>
        backendRefs.some(
          (ref) => ref.name === one.name && ref.port === one.port && ref.namespace === meta.namespace,
        ),
      ),
    )
    if (both) return []
    const message = `no rule of ${key} has both ${spec.stable.name}:${spec.stable.port} and ${spec.canary.name}:${spec.canary.port}`
    return [
      problemOf(
        canary,
        'WEFT0503',
        place,
        message,
        'add the one that is missing to its backendRefs, with weight 0',
      ),
    ]
  })
}

function problemOf(
  { meta }: CanaryObject,
  code: CheckCode,
  field: readonly string[],
  message: string,
  remedy: string,
): Problem {
  return {
    code,
    file: null,
    line: null,
    column: null,
    kind: 'Canary',
    namespace: meta.namespace,
    name: meta.name,
    field: formatPath(field),
    severity: 'error',
    message,
    remedy,
  }
}
