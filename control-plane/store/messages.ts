import type { StoredTelemetry } from '../serve/answers/telemetry-source.ts'
import type { Batch } from './telemetry-database.ts'

/** How the worker is told to begin. */
export interface StoreOptions {
  /** Where the file is; undefined: in memory alone. */
  readonly directory: string | undefined
  /** What the file may take. */
  readonly maxBytes: number
  /** What it may take in memory, where there is no file or its disk is full. */
  readonly memoryBytes: number
  /** How long after a failure the disk is tried again, in milliseconds; left out: half a minute. */
  readonly retryMs?: number | undefined
}

export type Method = keyof StoredTelemetry

export type ToStore =
  | { readonly kind: 'write'; readonly batch: Batch }
  | { readonly kind: 'ask'; readonly id: number; readonly method: Method; readonly asked: readonly unknown[] }
  | { readonly kind: 'close' }

export type FromStore =
  /** `problem`: why it is not on the disk, or what was moved aside; '' where all is well. */
  | { readonly kind: 'state'; readonly where: 'disk' | 'memory'; readonly problem: string }
  | { readonly kind: 'written' }
  | { readonly kind: 'answer'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'failed'; readonly id: number; readonly reason: string }
  | { readonly kind: 'closed' }
