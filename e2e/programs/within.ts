import { WeftError } from '../../core/errors.ts'

/** Code of the error of what did not end in time. */
export const HUNG = 'suite.hung'

/**
 * What `wait` resolves with. Throws WeftError `suite.hung` that says `what` hung if it takes more than so many minutes. It is
 * not ended: that is for whoever waits, or for the end of the process.
 */
export async function within<T>(minutes: number, what: string, wait: Promise<T>): Promise<T> {
  const hung = Promise.withResolvers<never>()
  const timer = setTimeout(
    () => hung.reject(new WeftError(HUNG, `${what} did not end within ${minutes} minutes`)),
    minutes * 60_000,
  )
  try {
    return await Promise.race([wait, hung.promise])
  } finally {
    clearTimeout(timer)
  }
}
