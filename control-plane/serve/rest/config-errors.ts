import { effectOfCondition, EFFECT_OF_WHAT_IS_UNREAD } from '../../model/effect.ts'
import type { Condition, RouteStatus } from '../../model/route.ts'
import type { SourceError } from '../../registry/source.ts'

/** What is wrong with what the mesh was told: plain JSON. */
export interface ConfigErrors {
  /** Of files or objects that could not be read. */
  readonly sources: readonly {
    readonly origin: string
    /** null where it is not known. */
    readonly line: number | null
    readonly field: string
    readonly message: string
    /** What becomes of requests meanwhile, in a sentence. */
    readonly effect: string
  }[]
  /** Of routes that are not, or not wholly, in force. */
  readonly routes: readonly {
    /** `HTTPRoute/shop/catalog` */
    readonly route: string
    /** `shop/catalog` */
    readonly parent: string
    readonly condition: string
    readonly reason: string
    readonly message: string
    readonly effect: string
  }[]
}

export function configErrors(
  sources: readonly SourceError[],
  statuses: readonly RouteStatus[],
): ConfigErrors {
  return {
    sources: sources.map(({ origin, line, field, message }) => ({
      origin,
      line: line ?? null,
      field,
      message,
      effect: EFFECT_OF_WHAT_IS_UNREAD,
    })),
    routes: statuses.flatMap(({ kind, namespace, name, parents }) =>
      parents.flatMap(({ parentRef, conditions }) =>
        conditions.filter(isProblem).map(({ type, reason, message }) => ({
          route: `${kind}/${namespace}/${name}`,
          parent: `${parentRef.namespace}/${parentRef.name}`,
          condition: type,
          reason,
          message,
          effect: effectOfCondition(type, conditions),
        })),
      ),
    ),
  }
}

/** PartiallyInvalid is bad when true, the others when they are not. */
function isProblem({ type, status }: Condition): boolean {
  return (status === 'True') === (type === 'PartiallyInvalid')
}
