import type { parseArgs, ParseArgsConfig } from 'node:util'
import { describeError, WeftError } from '../core/errors.ts'
import { parseFlags as parse } from '../core/flags.ts'

/** Wrong use of the command line. */
export class FlagError extends WeftError {
  constructor(message: string) {
    super('cli.flags', `${message} (--help says how)`)
  }
}

/** The flags of a program of the project that is no command of `weft`. Throws FlagError with one sentence. */
export function parseFlags<T extends ParseArgsConfig>(config: T): ReturnType<typeof parseArgs<T>> {
  try {
    return parse(config)
  } catch (error) {
    throw new FlagError(describeError(error))
  }
}

/** A whole number in decimal from `least` to `most`. Throws FlagError. */
export function wholeNumber(flag: string, text: string, least: number, most: number): number {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN
  if (value >= least && value <= most) return value
  throw new FlagError(`${flag} must be a whole number from ${least} to ${most}, not ${JSON.stringify(text)}`)
}
