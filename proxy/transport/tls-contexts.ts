import * as tls from 'node:tls'
import { WeftError } from '../../core/errors.ts'
import type { Watchable } from '../../core/watched.ts'
import type { DownstreamTls, TlsCertificate, TlsValidation, UpstreamTls } from '../model/tls.ts'

/** The workload's own certificate and whom it trusts; replaced as a whole at renewal. Never logged. */
export interface WorkloadSecrets {
  readonly certificatePem: string
  readonly privateKeyPem: string
  readonly bundlePem: string
  readonly spiffeId: string
}

// Hybrid post-quantum first; P-256 for peers that have no X25519.
const GROUPS = 'X25519MLKEM768:X25519:P-256'

/**
 * Turns TLS settings into OpenSSL contexts, one per settings and secret version: making one costs far
 * more than a handshake.
 */
export class TlsContexts {
  readonly #secrets: Watchable<WorkloadSecrets | undefined>
  #contexts = new WeakMap<object, tls.SecureContext>()

  constructor(secrets: Watchable<WorkloadSecrets | undefined>) {
    this.#secrets = secrets
    secrets.watch(() => {
      this.#contexts = new WeakMap()
    })
  }

  get secrets(): Watchable<WorkloadSecrets | undefined> {
    return this.#secrets
  }

  /** Throws WeftError `tls.no_certificate` while the workload has none yet. */
  context(settings: DownstreamTls | UpstreamTls): tls.SecureContext {
    const known = this.#contexts.get(settings)
    if (known) return known
    const context = tls.createSecureContext(this.options(settings))
    this.#contexts.set(settings, context)
    return context
  }

  /** The same as options of a tls.Server. Throws as `context` does. */
  options(settings: DownstreamTls | UpstreamTls): tls.SecureContextOptions {
    const pair = this.#pair(settings.certificate)
    const roots = this.#roots(settings.validation)
    const mesh = isMesh(settings.validation)
    return {
      ...(pair ? { cert: pair.certificatePem, key: pair.privateKeyPem } : {}),
      ...(roots === undefined ? {} : { ca: roots }),
      ...(mesh
        ? { minVersion: 'TLSv1.3' as const, ecdhCurve: GROUPS }
        : { minVersion: settings.minVersion ?? ('TLSv1.2' as const) }),
      ...(settings.maxVersion ? { maxVersion: settings.maxVersion } : {}),
    }
  }

  #pair(
    certificate: TlsCertificate | undefined,
  ): { certificatePem: string; privateKeyPem: string } | undefined {
    if (!certificate) return undefined
    return certificate.kind === 'inline' ? certificate : this.#workload()
  }

  #roots(validation: TlsValidation | undefined): string | undefined {
    if (!validation) return undefined
    return validation.roots.kind === 'inline' ? validation.roots.pem : this.#workload().bundlePem
  }

  #workload(): WorkloadSecrets {
    const secrets = this.#secrets.value
    if (!secrets) throw new WeftError('tls.no_certificate', 'this workload has no mesh certificate yet')
    return secrets
  }
}

/** Settings that trust the mesh's bundle: TLS 1.3 only, and the peer's SPIFFE ID is checked by our own code. */
export function isMesh(validation: TlsValidation | undefined): boolean {
  return validation?.roots.kind === 'sds'
}
