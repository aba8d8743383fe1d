import type { Kind } from './kinds/kinds.ts'

/** Which object, of those that a source reads. */
export interface ObjectReference {
  readonly kind: Kind
  readonly namespace: string
  readonly name: string
}
