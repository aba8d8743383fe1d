import { fileURLToPath } from 'node:url'
import { stringify } from 'yaml'
import { boardOf } from './board.ts'
import { canary } from './boards/canary.ts'
import { controlPlane } from './boards/control-plane.ts'
import { overview } from './boards/overview.ts'
import { policy } from './boards/policy.ts'
import { route } from './boards/route.ts'
import { workload } from './boards/workload.ts'
import type { BoardDescription } from './description.ts'
import { RULE_GROUPS } from './rules.ts'

/** Where the files stand. */
export const FOLDER = fileURLToPath(new URL('../../deploy/observability/', import.meta.url))

export const BOARDS: readonly BoardDescription[] = [overview, workload, route, canary, policy, controlPlane]

const WRITTEN = '# Written by `node release/observability/main.ts`.\n'

/** Boards and rules, by their paths in the folder. Collector and scrape configuration beside them are written by hand. */
export function observabilityFiles(): ReadonlyMap<string, string> {
  return new Map([
    ...BOARDS.map(
      (board) => [`boards/${board.name}.json`, `${JSON.stringify(boardOf(board), undefined, 2)}\n`] as const,
    ),
    ['rules.yaml', WRITTEN + stringify({ groups: RULE_GROUPS }, { lineWidth: 0 })] as const,
  ])
}
