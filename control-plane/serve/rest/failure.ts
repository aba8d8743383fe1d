/** The body of an answer that tells an error. `parameter`: which of the question's is meant. */
export function failure(code: string, message: string, parameter: string | undefined): object {
  return { error: { code, message, ...(parameter === undefined ? {} : { parameter }) } }
}
