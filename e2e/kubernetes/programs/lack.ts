import { WeftError } from '../../../core/errors.ts'

/** Codes of what this machine does not have and the tests cannot bring: `npm run test:kube` then exits with 3. */
export const LACK = 'kubernetes.lack'

/** `what` cannot be had here; `cure` says what would bring it. */
export function lack(what: string, cure: string, cause?: unknown): WeftError {
  return new WeftError(LACK, `${what}: ${cure}`, cause === undefined ? {} : { cause })
}
