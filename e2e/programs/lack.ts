import { WeftError } from '../../core/errors.ts'

/** Code of what this machine does not have and the tests cannot bring: commands then exit with 3. */
export const LACK = 'programs.lack'

/** `what` cannot be had here; `cure` says what would bring it. */
export function lack(what: string, cure: string, cause?: unknown): WeftError {
  return new WeftError(LACK, `${what}: ${cure}`, cause === undefined ? {} : { cause })
}
