import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { describeError, WeftError } from '../../../core/errors.ts'
import { cacheDirectory } from '../../programs/cache.ts'
import { LACK } from '../../programs/lack.ts'
import { ensurePrograms, isMade, PART_NAMES, type PartName } from './programs.ts'

const USAGE = `usage: node e2e/kubernetes/programs/main.ts [PART...] [--check]

Makes the programs of the test cluster in ${cacheDirectory()}:
what is there already stays. The first time takes some 15 minutes on two idle cores, most of it for Kubernetes.
Each folder's record.json has versions, checksums and the seconds that it took.

  PART     ${PART_NAMES.join(', ')} (all)
  --check  make nothing; say what is there, and exit with 3 if something is not
`

async function main(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: { check: { type: 'boolean' }, help: { type: 'boolean' } },
  })
  if (values.help) {
    console.log(USAGE)
    return 0
  }
  const unknown = positionals.find((name) => !(PART_NAMES as string[]).includes(name))
  if (unknown !== undefined)
    throw new WeftError(
      'kubernetes.part',
      `there is no part \`${unknown}\`; known are ${PART_NAMES.join(', ')}`,
    )
  const names = positionals.length > 0 ? (positionals as PartName[]) : PART_NAMES
  if (values.check) {
    for (const name of names) console.log(`${name}: ${isMade(name) ? 'there' : 'not made'}`)
    return names.every(isMade) ? 0 : 3
  }
  const { directories } = await ensurePrograms(names, (line) => console.error(line))
  for (const directory of directories) {
    // Nothing of ours lies in KUBEBUILDER_ASSETS.
    if (!existsSync(join(directory, 'record.json'))) continue
    const {
      seconds,
      sha256: _,
      ...rest
    } = JSON.parse(readFileSync(join(directory, 'record.json'), 'utf8')) as Record<string, unknown>
    console.log(`${directory}\n  ${JSON.stringify(rest)} in ${String(seconds)} s`)
  }
  return 0
}

main(process.argv.slice(2)).then(
  (code) => (process.exitCode = code),
  (error: unknown) => {
    console.error(`programs: ${describeError(error)}`)
    process.exitCode = error instanceof WeftError && error.code === LACK ? 3 : 1
  },
)
