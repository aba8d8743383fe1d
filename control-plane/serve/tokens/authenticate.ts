import { type Metadata, status } from '@grpc/grpc-js'
import { WeftError } from '../../../core/errors.ts'
import type { Caller } from './claims.ts'
import { GrpcError } from './grpc-error.ts'
import type { TokenVerifier } from './verifier.ts'

/**
 * Who makes a gRPC call, by its metadata `authorization: Bearer <token>` (RFC 6750 section 2.1). Shared by every
 * service of the control plane. `from` is the address that it calls from. Throws GrpcError: UNAUTHENTICATED with the reason, or UNAVAILABLE when tokens cannot
 * be checked now, so that the caller tries again.
 */
export async function authenticate(
  verifier: TokenVerifier,
  metadata: Metadata,
  from?: string,
): Promise<Caller> {
  const values = metadata.get('authorization')
  const [value] = values
  if (value === undefined) {
    throw new GrpcError(
      status.UNAUTHENTICATED,
      'no credentials: send a service account token as metadata "authorization: Bearer <token>"',
    )
  }
  if (values.length > 1) throw new GrpcError(status.UNAUTHENTICATED, 'several authorization values: send one')
  const [, token] = /^bearer +([A-Za-z0-9._~+/=-]+) *$/i.exec(value.toString()) ?? []
  if (token === undefined) {
    throw new GrpcError(status.UNAUTHENTICATED, 'the authorization value is not "Bearer <token>"')
  }
  try {
    return await verifier.verify(token, from)
  } catch (error) {
    if (!(error instanceof WeftError))
      throw new GrpcError(status.UNAVAILABLE, 'the token cannot be checked now')
    if (error.code.startsWith('token.') && error.code !== 'token.unavailable') {
      throw GrpcError.from(status.UNAUTHENTICATED, error)
    }
    throw GrpcError.from(status.UNAVAILABLE, error)
  }
}
