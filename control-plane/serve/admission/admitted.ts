import { status, type Metadata } from '@grpc/grpc-js'
import type { Caller } from '../tokens/claims.ts'
import { GrpcError } from '../tokens/grpc-error.ts'

const CALLERS = new WeakMap<Metadata, Caller | undefined>()

/** A call with this metadata was let in; undefined: by a server that asks nobody who it is. */
export function admit(metadata: Metadata, caller: Caller | undefined): void {
  CALLERS.set(metadata, caller)
}

/** Who makes the call. Throws GrpcError for one that no admission let in: a service never stands open by mistake. */
export function callerOf(metadata: Metadata): Caller {
  const caller = anyCallerOf(metadata)
  if (caller) return caller
  throw new GrpcError(status.UNAUTHENTICATED, 'the caller is not known')
}

/** The same, with undefined where the server asks nobody. */
export function anyCallerOf(metadata: Metadata): Caller | undefined {
  if (CALLERS.has(metadata)) return CALLERS.get(metadata)
  throw new GrpcError(status.INTERNAL, 'the call came past the admission of this server')
}
