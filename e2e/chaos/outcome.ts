/**
 * What came of one use. `failed`: no answer, or one of 500 and above. `cut`: it ended after it had begun, as what is in
 * use on a thing that is killed must. `wrong`: an answer that was not due.
 */
export type Result = 'ok' | 'failed' | 'cut' | 'wrong'

export type Kind = (typeof KINDS)[number]
/** Reads may be tried elsewhere, and so may what was not sent of the others. */
export const KINDS = ['read', 'write', 'upload', 'download', 'unary', 'stream', 'webSocket', 'tcp'] as const

/** One line of what a caller tells. */
export interface Outcome {
  readonly kind: Kind
  /** Of a write: as its application logs it. */
  readonly number: number
  /** When it began, Unix time in milliseconds, and how long it took. */
  readonly at: number
  readonly ms: number
  readonly result: Result
  readonly why?: string
}
