import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import packageJson from '../../package.json' with { type: 'json' }
import { parseFlags } from '../../core/flags.ts'
import { describeError } from '../../core/errors.ts'
import { describeWeft } from '../commands.ts'
import { manualPage, pageName } from './manual-page.ts'

const USAGE = `Usage: npm run man [-- --out DIR]

Writes the manual pages of weft and of each of its commands, from what --help says. Prints their folder:
man DIR/man1/weft.1 reads one.

  --out DIR  where they go, in man1 (dist/man)
  --help     this text
`

/** Writes all manual pages below `directory`, where MANPATH finds them; gives their paths. */
export async function writeManual(directory: string): Promise<readonly string[]> {
  const section = join(directory, 'man1')
  mkdirSync(section, { recursive: true })
  const weft = await describeWeft()
  return [weft, ...(weft.subcommands ?? [])].map((command) => {
    const path = join(section, `${pageName(command)}.1`)
    writeFileSync(path, manualPage(command, packageJson.version))
    return path
  })
}

async function main(argv: readonly string[]): Promise<number> {
  const { values } = parseFlags({
    args: [...argv],
    options: { out: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
  })
  if (values.help) {
    process.stdout.write(USAGE)
    return 0
  }
  const out = values.out ?? join(import.meta.dirname, '../../dist/man')
  await writeManual(out)
  console.log(out)
  return 0
}

if (import.meta.main)
  main(process.argv.slice(2)).then(
    (code) => {
      process.exitCode = code
    },
    (error: unknown) => {
      process.stderr.write(`man: ${describeError(error)}\n`)
      process.exitCode = 2
    },
  )
