import {
  status,
  type handleUnaryCall,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js'
import { WeftError } from '../../../core/errors.ts'
import type { Logger } from '../../../core/log.ts'
import { Signing, type SignRequest, type SignResponse } from '../../../core/xds/generated/weft.js'
import type { Issuer } from '../../issuers/issuer.ts'
import { callerOf } from '../admission/admitted.ts'
import type { ControlPlaneMetrics } from '../metrics/control-plane-metrics.ts'
import type { Caller } from '../tokens/claims.ts'
import { GrpcError } from '../tokens/grpc-error.ts'
import { certificateRequest } from './sign.ts'

export interface SigningOptions {
  readonly issuer: Issuer
  /** Of the identities that it certifies. */
  readonly trustDomain: string
  readonly log: Logger
  /** What is counted of it. */
  readonly metrics?: Pick<ControlPlaneMetrics, 'signed'>
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
  const { issuer, trustDomain, log, metrics } = options

  const answer = async (request: SignRequest, caller: Caller, signal: AbortSignal): Promise<SignResponse> => {
    const asked = certificateRequest({
      trustDomain,
      caller,
      csr: request.csr ?? new Uint8Array(),
      ttlMs: (request.ttlSeconds ?? 0) * 1000,
      aliases: options.aliases,
      refusal: options.refusal,
      defaultLifeMs: options.defaultLifeMs,
      longestLifeMs: options.longestLifeMs,
    })
    const { chain, bundle } = await issuer.sign(asked, signal)
    const [leaf] = chain
    const { spiffeId } = asked.names
    log.info('certificate issued', { spiffeId, serial: leaf?.serialNumber, notAfter: leaf?.validTo })
    return {
      certificateChain: chain.map((certificate) => certificate.raw),
      trustBundle: bundle.roots.map((root) => root.raw),
    }
  }

  const sign: handleUnaryCall<SignRequest, SignResponse> = (call, callback) => {
    const began = performance.now()
    const over = (outcome: string): void => metrics?.signed(outcome, performance.now() - began)
    const gone = new AbortController()
    call.on('cancelled', () => gone.abort(new GrpcError(status.CANCELLED, 'the caller is gone')))
    const refuse = (error: unknown): void => {
      const refusal = asGrpcError(error)
      over(status[refusal.code])
      // What is the issuer's fault is logged once for all whom it concerns.
      if (refusal.code !== status.CANCELLED && refusal.code !== status.UNAVAILABLE)
        log.warn('certificate refused', {
          peer: call.getPeer(),
          status: status[refusal.code],
          reason: refusal.details,
        })
      callback(refusal)
    }
    try {
      const caller = callerOf(call.metadata)
      answer(call.request, caller, gone.signal).then((response) => {
        over('OK')
        callback(null, response)
      }, refuse)
    } catch (error) {
      refuse(error)
    }
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
  if (error.code.startsWith('issuer.')) return GrpcError.from(status.UNAVAILABLE, error)
  return GrpcError.from(status.FAILED_PRECONDITION, error)
}
