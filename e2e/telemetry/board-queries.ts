import { BOARDS } from '../../release/observability/files.ts'
import type { BoardDescription } from '../../release/observability/description.ts'
import { INTERVAL } from '../../release/observability/queries.ts'

/** What is chosen on the boards, in the mesh of manifests.ts. */
const CHOSEN: Readonly<Record<string, string>> = {
  namespace: 'shop',
  workload: 'web',
  route: 'HTTPRoute/shop/catalog/0',
  canary: 'catalog',
}
/** Longer than the test takes. */
const RANGE = '10m'

export interface BoardQuery {
  /** `overview: Requests: sum(...)`. */
  readonly name: string
  readonly expr: string
  readonly mayBeEmpty: boolean
}

/** Every query of every panel, as Grafana sends it. */
export function boardQueries(): readonly BoardQuery[] {
  return BOARDS.flatMap((board) =>
    board.rows.flatMap(({ panels }) =>
      panels.flatMap(({ title, queries }) =>
        queries.map(({ expr, mayBeEmpty = false }) => ({
          name: `${board.name}: ${title}: ${expr}`,
          expr: filled(board, expr),
          mayBeEmpty,
        })),
      ),
    ),
  )
}

export interface VariableQuery {
  readonly name: string
  readonly match: string
  readonly label: string
}

/** Where the values of every variable come from. */
export function variableQueries(): readonly VariableQuery[] {
  return BOARDS.flatMap((board) =>
    board.variables.map(({ name, query }) => {
      const [, match, label] = /^label_values\((.+), (\w+)\)$/.exec(query) ?? []
      if (match === undefined || label === undefined) throw new Error(`${board.name}: ${name}: ${query}`)
      return { name: `${board.name}: ${name}`, match: filled(board, match), label }
    }),
  )
}

/** With the value of each variable in its place: all of them where several can be chosen. */
function filled(board: BoardDescription, expr: string): string {
  const several = new Set(board.variables.filter((one) => one.several).map(({ name }) => name))
  return expr.replaceAll(INTERVAL, RANGE).replaceAll(/\$(\w+)/g, (whole, name: string) => {
    if (several.has(name)) return '.*'
    const value = CHOSEN[name]
    if (value === undefined) throw new Error(`${board.name}: ${whole} is nothing that can be chosen`)
    return value
  })
}
