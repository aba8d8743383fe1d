#!/usr/bin/env node
import { describeError } from '../core/errors.ts'
import { COMMANDS, type Run } from './commands.ts'

async function main([name, ...rest]: readonly string[]): Promise<number> {
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
