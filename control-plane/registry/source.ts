import type { Watchable } from '../../core/watched.ts'
import type { Snapshot } from './snapshot.ts'

/** One mistake in what a source reads; the last good state serves on meanwhile. */
export interface SourceError {
  /** File, or `kind namespace/name` where there is none. */
  readonly origin: string
  readonly line: number | undefined
  readonly field: string
  readonly message: string
}

/** Where the mesh's objects come from: a directory of manifests, or a Kubernetes API server. */
export interface Source {
  readonly snapshot: Watchable<Snapshot>
  /** Replaced as a whole; empty when all is well. */
  readonly errors: Watchable<readonly SourceError[]>
  close(): void
}

/** `shop.yaml:14: spec.rules[0].name: must be ...` */
export function formatSourceError(error: SourceError): string {
  const place = error.line === undefined ? error.origin : `${error.origin}:${error.line}`
  return error.field === '' ? `${place}: ${error.message}` : `${place}: ${error.field}: ${error.message}`
}
