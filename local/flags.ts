import { parseArgs } from 'node:util'
import type { ParseArgsConfig } from 'node:util'
import { WeftError } from '../core/errors.ts'

/** Wrong use of the command line. */
export class FlagError extends WeftError {
  constructor(message: string) {
    super('cli.flags', `${message} (--help says how)`)
  }
}

/** node:util's parseArgs, with a one-line error. */
export function parseFlags<T extends ParseArgsConfig>(config: T): ReturnType<typeof parseArgs<T>> {
  try {
    return parseArgs(config)
  } catch (error) {
    throw new FlagError(error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error))
  }
}
