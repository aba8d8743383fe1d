import type { ObjectName } from '../../core/problem.ts'
import type { Watchable } from '../../core/watched.ts'
import type { Snapshot } from './snapshot.ts'

/** One mistake in what a source reads; the last good state serves on meanwhile. */
export interface SourceError {
  /** File, or `kind namespace/name` where there is none. */
  readonly origin: string
  /** Both count from 1. */
  readonly line: number | undefined
  readonly column?: number | undefined
  /** Full path of the file, where there is one. */
  readonly file?: string
  readonly object?: ObjectName
  readonly field: string
  readonly message: string
  /** What to do; where it is left out, the message says what must be there. */
  readonly remedy?: string
}

/** Where the mesh's objects come from: a directory of manifests, or a Kubernetes API server. */
export interface Source {
  readonly snapshot: Watchable<Snapshot>
  /** Replaced as a whole; empty when all is well. */
  readonly errors: Watchable<readonly SourceError[]>
  close(): void
}

/** `shop.yaml:14: spec.rules[0].nmae: is no field; did you mean name?` */
export function formatSourceError(error: SourceError): string {
  const place = error.line === undefined ? error.origin : `${error.origin}:${error.line}`
  const text = error.remedy === undefined ? error.message : `${error.message}; ${error.remedy}`
  return error.field === '' ? `${place}: ${text}` : `${place}: ${error.field}: ${text}`
}
