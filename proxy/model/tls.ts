/** Where a certificate and its key come from: the mesh identity of this workload, or files. */
export type TlsCertificate =
  | { readonly kind: 'sds'; readonly name: string }
  | { readonly kind: 'inline'; readonly certificatePem: string; readonly privateKeyPem: string }

/** Whom to trust: the mesh's bundle, given roots, or nobody asked (undefined where it is used). */
export type TlsValidation = {
  readonly roots:
    | { readonly kind: 'sds'; readonly name: string }
    | { readonly kind: 'inline'; readonly pem: string }
  /** Any of these must equal the peer's URI SAN (SPIFFE ID) or DNS SAN. Empty: any name of the roots. */
  readonly subjectAltNames: readonly SanMatcher[]
}

export interface SanMatcher {
  readonly type: 'uri' | 'dns'
  readonly match: 'exact' | 'prefix'
  readonly value: string
}

export type TlsVersion = 'TLSv1.2' | 'TLSv1.3'

/** Bounds of the protocol version; left out: TLS 1.2 and 1.3, and 1.3 alone where the mesh's bundle is trusted. */
export interface TlsVersions {
  readonly minVersion?: TlsVersion
  readonly maxVersion?: TlsVersion
}

export interface DownstreamTls extends TlsVersions {
  readonly certificate: TlsCertificate
  readonly requireClientCertificate: boolean
  readonly validation: TlsValidation | undefined
  readonly alpn: readonly string[]
}

export interface UpstreamTls extends TlsVersions {
  readonly certificate: TlsCertificate | undefined
  readonly validation: TlsValidation | undefined
  readonly sni: string
  readonly alpn: readonly string[]
}
