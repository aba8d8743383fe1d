import { Metadata, type status } from '@grpc/grpc-js'
import { describeError } from '../../../core/errors.ts'

/**
 * What a gRPC call ends with; as grpc-js takes it from `callback(error)` and `call.emit('error', error)`.
 * Carries the text of the failure, never its stack.
 */
export class GrpcError extends Error {
  readonly code: status
  readonly details: string
  readonly metadata = new Metadata()

  constructor(code: status, details: string, cause?: unknown) {
    super(details, cause === undefined ? undefined : { cause })
    this.name = 'GrpcError'
    this.code = code
    this.details = details
  }

  static from(code: status, error: unknown): GrpcError {
    return new GrpcError(code, describeError(error), error)
  }
}
