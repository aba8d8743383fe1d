import type { RouteStatus } from '../../model/route.ts'
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

type Condition = RouteStatus['parents'][number]['conditions'][number]

const UNREAD =
  'What was read of it last stays in force; if nothing ever was, what is wrong counts as not there.'
const EFFECTS: Readonly<Record<string, string>> = {
  Accepted: 'The route is not in force here: requests go where they would without it.',
  ResolvedRefs:
    "Requests that are this backend's share get 500, gRPC calls UNAVAILABLE; copies that a mirror sends there are not sent.",
  PartiallyInvalid:
    'These rules are left out: other rules that match get their requests, and where none does the answer is 404.',
}
/** Nobody follows the references of a route that is not accepted. */
const OF_NO_ROUTE = 'No request is led there, as the route is not in force.'

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
      effect: UNREAD,
    })),
    routes: statuses.flatMap(({ kind, namespace, name, parents }) =>
      parents.flatMap(({ parentRef, conditions }) =>
        conditions.filter(isProblem).map(({ type, reason, message }) => ({
          route: `${kind}/${namespace}/${name}`,
          parent: `${parentRef.namespace}/${parentRef.name}`,
          condition: type,
          reason,
          message,
          effect: effectOf(type, conditions),
        })),
      ),
    ),
  }
}

function effectOf(type: Condition['type'], all: readonly Condition[]): string {
  const refused = all.some((one) => one.type === 'Accepted' && one.status === 'False')
  return type !== 'Accepted' && refused ? OF_NO_ROUTE : (EFFECTS[type] ?? '')
}

/** PartiallyInvalid is bad when true, the others when they are not. */
function isProblem({ type, status }: Condition): boolean {
  return (status === 'True') === (type === 'PartiallyInvalid')
}
