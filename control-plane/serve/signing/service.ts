import {
  status,
  type handleUnaryCall,
  type sendUnaryData,
  type ServerUnaryCall,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js'
import type { Authority } from '../../../certs/authority.ts'
import { systemClock, type Clock } from '../../../core/clock.ts'
import { WeftError } from '../../../core/errors.ts'
import type { Logger } from '../../../core/log.ts'
import type { Watchable } from '../../../core/watched.ts'
import { Signing, type SignRequest, type SignResponse } from '../../../core/xds/generated/weft.js'
import { authenticate } from '../tokens/authenticate.ts'
import { GrpcError } from '../tokens/grpc-error.ts'
import type { TokenVerifier } from '../tokens/verifier.ts'
import { signCsr } from './sign.ts'

export interface SigningOptions {
  readonly authority: Watchable<Authority>
  readonly verifier: TokenVerifier
  readonly log: Logger
  readonly clock?: Clock
  /** For callers that ask for none. Milliseconds. */
  readonly defaultLifeMs?: number
  /** Nobody gets more. Milliseconds. */
  readonly longestLifeMs?: number
}

/** The gRPC service `weft.v1.Signing`, for `server.addService(definition, implementation)`. */
export function signingService(options: SigningOptions): {
  definition: ServiceDefinition
  implementation: UntypedServiceImplementation
} {
  const { verifier, log, clock = systemClock } = options

  const answer = async (
    request: SignRequest,
    metadata: Parameters<typeof authenticate>[1],
  ): Promise<SignResponse> => {
    const caller = await authenticate(verifier, metadata)
    const authority = options.authority.value
    const { chain, spiffeId } = signCsr({
      authority,
      caller,
      csr: request.csr ?? new Uint8Array(),
      ttlMs: (request.ttlSeconds ?? 0) * 1000,
      now: clock.now(),
      defaultLifeMs: options.defaultLifeMs,
      longestLifeMs: options.longestLifeMs,
    })
    const [leaf] = chain
    log.info('certificate issued', { spiffeId, serial: leaf?.serialNumber, notAfter: leaf?.validTo })
    return {
      certificateChain: chain.map((certificate) => certificate.raw),
      trustBundle: authority.bundle.roots.map((root) => root.raw),
    }
  }

  const handle = async (
    call: ServerUnaryCall<SignRequest, SignResponse>,
    callback: sendUnaryData<SignResponse>,
  ): Promise<void> => {
    let response: SignResponse
    try {
      response = await answer(call.request, call.metadata)
    } catch (error) {
      const refusal = asGrpcError(error)
      log.warn('certificate refused', {
        peer: call.getPeer(),
        status: status[refusal.code],
        reason: refusal.details,
      })
      return callback(refusal)
    }
    callback(null, response)
  }
  const sign: handleUnaryCall<SignRequest, SignResponse> = (call, callback) => void handle(call, callback)
  return { definition: Signing, implementation: { sign } }
}

function asGrpcError(error: unknown): GrpcError {
  if (error instanceof GrpcError) return error
  if (!(error instanceof WeftError))
    return new GrpcError(status.INTERNAL, 'the certificate could not be made', error)
  if (error.code === 'csr.other_identity') return GrpcError.from(status.PERMISSION_DENIED, error)
  if (error.code.startsWith('csr.')) return GrpcError.from(status.INVALID_ARGUMENT, error)
  return GrpcError.from(status.FAILED_PRECONDITION, error)
}
