import { describeError, WeftError } from '../../core/errors.ts'
import { LACK } from './lack.ts'
import { processTree } from './process-usage.ts'
import { HUNG } from './within.ts'

/**
 * The process of a suite: it ends with the code that `main` gives for its arguments, or that of its error, which is told.
 * It ends then, whatever is
 * still open; if a step hung, so does what it started.
 */
export function runSuiteProgram(name: string, main: (argv: readonly string[]) => Promise<number>): void {
  main(process.argv.slice(2)).then(
    // A proxy that says something of an error at its end has set process.exitCode.
    (code) => process.exit(code || process.exitCode),
    (error: unknown) => {
      console.error(`${name}: ${describeError(error)}`)
      if (error instanceof WeftError && error.code === HUNG) endChildren()
      process.exit(exitCodeOf(error))
    },
  )
}

function endChildren(): void {
  for (const pid of processTree(process.pid)) {
    if (pid === process.pid) continue
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // It is gone by itself.
    }
  }
}

/** 2 for wrong flags, 3 for what cannot be had on this machine, 1 for all else. */
export function exitCodeOf(error: unknown): 1 | 2 | 3 {
  if (!(error instanceof WeftError)) return 1
  if (error.code === LACK || error.code === 'program.missing') return 3
  return error.code === 'cli.flags' ? 2 : 1
}
