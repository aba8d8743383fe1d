import { readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { parseArgs } from 'node:util'
import { describeError, WeftError } from '../../../core/errors.ts'
import { LACK } from '../../programs/lack.ts'
import { NAMESPACE, openHelm, type Helm } from './helm.ts'

const USAGE = `usage: npm run manifests [-- --check]

Writes the chart's objects, with the values that it has by itself, to deploy/manifests/weft.yaml, for clusters that are
installed with kubectl. Its helm is built into a cache the first time.

  --check  write nothing; exit with 1 if the file is not what the chart gives

Exit codes: 0 done, 1 the file differs, 2 wrong flags, 3 there is no helm and none can be built here.
`

const PROJECT = join(import.meta.dirname, '../../..')
export const MANIFESTS = join(PROJECT, 'deploy/manifests/weft.yaml')

const HEADER = `# The chart in deploy/chart with the values that it has by itself; npm run manifests writes this file.
#   kubectl apply --server-side -f deploy/manifests/weft.yaml
apiVersion: v1
kind: Namespace
metadata:
  name: ${NAMESPACE}
  labels:
    app.kubernetes.io/part-of: weft
    # Weft's own pods ask for nothing that the strictest profile refuses.
    pod-security.kubernetes.io/enforce: restricted
`

/** Labels by which Helm knows its own: these objects are not. */
const HELMS = /^ +(app\.kubernetes\.io\/managed-by|helm\.sh\/chart): .*\n/gm

/** What deploy/manifests/weft.yaml has to be. */
export async function staticManifests(helm: Helm): Promise<string> {
  return HEADER + (await helm.template(undefined, '--include-crds')).replaceAll(HELMS, '')
}

async function main(argv: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: { check: { type: 'boolean' }, help: { type: 'boolean' } },
  })
  if (values.help) {
    console.log(USAGE)
    return 0
  }
  const helm = await openHelm((line) => console.error(line))
  try {
    const text = await staticManifests(helm)
    if (!values.check) writeFileSync(MANIFESTS, text)
    else if (readFileSync(MANIFESTS, 'utf8') !== text) {
      console.error(`${relative(PROJECT, MANIFESTS)} is not what the chart gives: npm run manifests`)
      return 1
    }
    return 0
  } finally {
    helm.close()
  }
}

function exitCode(error: unknown): number {
  if (error instanceof WeftError && error.code === LACK) return 3
  const code = (error as NodeJS.ErrnoException | undefined)?.code
  return code?.startsWith('ERR_PARSE_ARGS') ? 2 : 1
}

if (import.meta.main)
  main(process.argv.slice(2)).then(
    (code) => (process.exitCode = code),
    (error: unknown) => {
      console.error(`manifests: ${describeError(error)}`)
      process.exitCode = exitCode(error)
    },
  )
