#!/usr/bin/env node
import { endWithReader } from '../core/command-line/end-with-reader.ts'
import { describeError } from '../core/errors.ts'
import { COMMANDS, type Run } from './commands.ts'

/** They serve on, whoever reads their log. */
const SERVERS: ReadonlySet<string | undefined> = new Set(['proxy', 'control-plane', 'injector'])

async function main([name, ...rest]: readonly string[]): Promise<number> {
  if (!SERVERS.has(name)) endWithReader()
  const command = COMMANDS.find((entry) => entry.name === name)
  const run: Run = command ? await command.load() : (await import('./top-level.ts')).runTopLevel
  return command || name === undefined ? run(rest) : run([name, ...rest])
}

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code
  },
  (error: unknown) => {
    console.error(`weft: ${describeError(error)}`)
    process.exitCode = 1
  },
)
