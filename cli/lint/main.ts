import { writeFileSync } from 'node:fs'
import { findingView } from '../../core/checks/finding-view.ts'
import type { CheckFinding } from '../../core/api/checks.ts'
import type { Coverage } from '../../core/api/coverage.ts'
import { WeftError, describeError } from '../../core/errors.ts'
import { readChecked } from '../../local/manifest/read-checked.ts'
import { lintManifests } from '../../local/problems/lint-manifests.ts'
import type { MeshApi } from '../mesh/mesh-api.ts'
import { tellMissing } from '../mesh/coverage-text.ts'
import { runMeshCommand, type Told } from '../mesh/mesh-command.ts'
import { namespaceValue } from '../mesh/namespace-value.ts'
import { painterFor } from '../terminal/painter.ts'
import { LINT_COMMAND } from './command.ts'
import { countText, findingText } from './lint-text.ts'
import { meshChecks } from './mesh-checks.ts'
import { sarifLog, type SuppressedFinding } from './sarif.ts'

interface Linted {
  readonly coverage: Coverage
  readonly findings: readonly CheckFinding[]
  readonly suppressed: readonly SuppressedFinding[]
}

const LEVELS = ['info', 'warning', 'error'] as const

/** `weft lint`. Resolves to the exit code. */
export function runLint(argv: readonly string[]): Promise<number> {
  return runMeshCommand(LINT_COMMAND, argv, async ({ values, mesh }): Promise<Told> => {
    const { file: paths = [], sarif, 'fail-on': least, json } = values
    if (sarif === '-' && json)
      throw new WeftError('cli.flags', 'standard output takes one of --json and --sarif -', {
        field: '--sarif',
      })
    const namespace = namespaceValue(values.namespace)
    const linted = await (paths.length > 0 ? ofFiles(paths, namespace) : ofMesh(await mesh(), namespace))
    const { findings, suppressed, coverage } = linted
    tellMissing(coverage)
    const bad = findings.some(({ severity }) => LEVELS.indexOf(severity) >= LEVELS.indexOf(least))
    const code = bad ? 1 : 0
    const facts = {
      coverage,
      checks: findings,
      suppressed: suppressed.map(({ finding, reason }) => {
        const { code: id, kind, namespace: of, name, field } = finding
        return { code: id, kind, namespace: of, name, field, reason }
      }),
    }
    if (sarif !== undefined) {
      const log = `${JSON.stringify(sarifLog(findings, suppressed, process.cwd()), undefined, 2)}\n`
      if (sarif === '-') return { text: log, json: facts, code }
      write(sarif, log)
    }
    const paint = painterFor(process.stdout)
    const text =
      findings.map((one) => findingText(one, paint)).join('') + countText(findings, suppressed.length)
    return { text, json: facts, code }
  })
}

/** What `weft lint -f` finds: whoever lints by another way (MCP) has the same. */
export async function ofFiles(paths: readonly string[], namespace?: string): Promise<Linted> {
  const { findings, suppressed } = lintManifests(await readChecked(paths, process.stdin))
  const wanted = (one: { readonly kind: string; readonly namespace: string; readonly name: string }) =>
    namespace === undefined ||
    one.namespace === namespace ||
    (one.kind === 'Namespace' && one.name === namespace)
  return {
    coverage: { answered: 0, missing: [] },
    findings: findings.filter(wanted).map(findingView),
    suppressed: suppressed
      .filter(({ problem }) => wanted(problem))
      .map(({ problem, reason }) => ({ finding: findingView(problem), reason })),
  }
}

async function ofMesh(mesh: MeshApi, namespace: string | undefined): Promise<Linted> {
  const { coverage, checks } = await meshChecks(mesh, namespace)
  return { coverage, findings: checks, suppressed: [] }
}

function write(path: string, text: string): void {
  try {
    writeFileSync(path, text)
  } catch (error) {
    throw new WeftError('lint.sarif', `${path} cannot be written: ${describeError(error)}`, {
      field: '--sarif',
    })
  }
}
