import type { KeyObject, X509Certificate } from 'node:crypto'
import type { CaCredentials } from '../../certs/authority.ts'
import type { ParsedAltNames } from '../../certs/alt-names.ts'
import type { TrustBundle } from '../../certs/trust-bundle.ts'
import type { Asker } from '../../core/gate.ts'
import type { Watchable } from '../../core/watched.ts'

/** A workload's one name, or a server's. */
export type CertificateNames = { readonly spiffeId: string } | { readonly dnsNames: readonly string[] }

/** What is to be certified. The proof of possession was checked, and whoever asks may have these names. */
export interface CertificateRequest {
  /** PKCS #10 in DER. It asks for `names`, or for none. */
  readonly csr: Uint8Array
  readonly csrNames: ParsedAltNames
  readonly publicKey: KeyObject
  readonly names: CertificateNames
  /** Milliseconds. */
  readonly lifeMs: number
  /** Whose turn it uses where many wait: a namespace, and a workload of it. */
  readonly asker: Asker
}

/** What workloads should trust now. Replaced as a whole. */
export interface Trust {
  readonly bundle: TrustBundle
  /** The CA that signs now and what is between it and its root; undefined where only the issuer knows. */
  readonly issuing: Pick<CaCredentials, 'certificate' | 'chain'> | undefined
}

export interface SignedCertificate {
  /** Leaf first, without the root: what a TLS peer is shown. */
  readonly chain: readonly X509Certificate[]
  /** What its owner should trust. */
  readonly bundle: TrustBundle
}

/** Why an issuer does not sign. Plain JSON. */
export interface IssuerTrouble {
  /** Stable, such as `issuer.unavailable`. */
  readonly code: string
  /** With the field and what to do. */
  readonly reason: string
  /** Milliseconds since the epoch. */
  readonly since: number
}

/** Who signs the certificates of the mesh. */
export interface Issuer {
  /** For messages, such as `Vault https://vault:8200/v1/pki`. */
  readonly title: string
  readonly trust: Watchable<Trust>
  /** Undefined while all is well. */
  readonly trouble: Watchable<IssuerTrouble | undefined>
  /**
   * Resolves to a certificate that was held to the request. Throws WeftError: `issuer.*` for what is the issuer's fault,
   * `csr.*` for what is the request's, `ca.*` of the mesh's own CA.
   */
  sign(request: CertificateRequest, signal: AbortSignal): Promise<SignedCertificate>
  close(): void
}
