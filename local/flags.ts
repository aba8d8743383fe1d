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

/** A whole number in decimal from `least` to `most`. Throws FlagError. */
export function wholeNumber(flag: string, text: string, least: number, most: number): number {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN
  if (value >= least && value <= most) return value
  throw new FlagError(`${flag} must be a whole number from ${least} to ${most}, not ${JSON.stringify(text)}`)
}
