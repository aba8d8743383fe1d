/** A failure that a person can act on: what is wrong, where, and what to do about it. */
export class WeftError extends Error {
  /** Stable, machine-readable, e.g. `bootstrap.unsupported_field`. */
  readonly code: string
  /** Path of the offending field in its document, e.g. `spec.rules[0].backendRefs[1].weight`. */
  readonly field: string | undefined

  constructor(code: string, message: string, options: { field?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'WeftError'
    this.code = code
    this.field = options.field
  }
}

/** One line for a log or a reply: never a stack trace. */
export function describeError(error: unknown): string {
  if (error instanceof WeftError) return error.field ? `${error.field}: ${error.message}` : error.message
  if (error instanceof Error) return error.message
  return String(error)
}
