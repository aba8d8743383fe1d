import {
  status,
  type handleUnaryCall,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js'
import type { Authority } from '../../../certs/authority.ts'
import { systemClock, type Clock } from '../../../core/clock.ts'
import { WeftError } from '../../../core/errors.ts'
import type { Logger } from '../../../core/log.ts'
import type { Watchable } from '../../../core/watched.ts'
import { Signing, type SignRequest, type SignResponse } from '../../../core/xds/generated/weft.js'
import { callerOf } from '../admission/admitted.ts'
import type { Caller } from '../tokens/claims.ts'
import { GrpcError } from '../tokens/grpc-error.ts'
import { signCsr } from './sign.ts'

export interface SigningOptions {
  readonly authority: Watchable<Authority>
  readonly log: Logger
  readonly clock?: Clock
  /** See SignOptions. */
  readonly aliases?: readonly string[] | undefined
  readonly refusal?: ((spiffeId: string) => string | undefined) | undefined
  /** For callers that ask for none. Milliseconds. */
  readonly defaultLifeMs?: number
  /** Nobody gets more. Milliseconds. */
  readonly longestLifeMs?: number
}

/** A CSR with a large RSA key is 2 KiB. */
const LONGEST_REQUEST = 32 * 1024

/** The gRPC service `weft.v1.Signing`, for `server.addService(definition, implementation)`. */
export function signingService(options: SigningOptions): {
  definition: ServiceDefinition
  implementation: UntypedServiceImplementation
  longestMessage: number
  title: string
} {
  const { log, clock = systemClock } = options

  const answer = (request: SignRequest, caller: Caller): SignResponse => {
    const authority = options.authority.value
    const { chain, spiffeId } = signCsr({
      authority,
      caller,
      csr: request.csr ?? new Uint8Array(),
      ttlMs: (request.ttlSeconds ?? 0) * 1000,
      now: clock.now(),
      aliases: options.aliases,
      refusal: options.refusal,
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

  const sign: handleUnaryCall<SignRequest, SignResponse> = (call, callback) => {
    let response: SignResponse
    try {
      response = answer(call.request, callerOf(call.metadata))
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
  return {
    title: 'certificate',
    definition: Signing,
    implementation: { sign },
    longestMessage: LONGEST_REQUEST,
  }
}

function asGrpcError(error: unknown): GrpcError {
  if (error instanceof GrpcError) return error
  if (!(error instanceof WeftError))
    return new GrpcError(status.INTERNAL, 'the certificate could not be made', error)
  if (error.code === 'csr.other_identity' || error.code === 'csr.revoked')
    return GrpcError.from(status.PERMISSION_DENIED, error)
  if (error.code.startsWith('csr.')) return GrpcError.from(status.INVALID_ARGUMENT, error)
  return GrpcError.from(status.FAILED_PRECONDITION, error)
}
