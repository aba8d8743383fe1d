import { Field, MapField, Type } from 'protobufjs'

/** One of the Workload API's X509-SVIDs (the SPIFFE Workload API standard, section 5.2.1). */
export interface X509Svid {
  readonly spiffeId: string
  /** Certificates in DER, one after the other, leaf first. */
  readonly x509Svid: Uint8Array
  /** PKCS #8 in DER. */
  readonly x509SvidKey: Uint8Array
  /** Roots of its trust domain in DER, one after the other. */
  readonly bundle: Uint8Array
}

export interface X509SvidResponse {
  readonly svids: readonly X509Svid[]
}

/** Answer of spire.api.server.svid.v1.SVID/NewDownstreamX509CA. DER. */
export interface DownstreamCa {
  /** The CA, then what is between it and its root. */
  readonly caCertChain: readonly Uint8Array[]
  readonly x509Authorities: readonly Uint8Array[]
}

const svid = new Type('X509SVID')
  .add(new Field('spiffeId', 1, 'string'))
  .add(new Field('x509Svid', 2, 'bytes'))
  .add(new Field('x509SvidKey', 3, 'bytes'))
  .add(new Field('bundle', 4, 'bytes'))
const svidResponse = new Type('X509SVIDResponse')
  .add(svid)
  .add(new Field('svids', 1, 'X509SVID', 'repeated'))
  .add(new MapField('federatedBundles', 3, 'string', 'bytes'))
/** Without `preferred_ttl`: how long a CA lives is SPIRE's to say. */
const caRequest = new Type('NewDownstreamX509CARequest').add(new Field('csr', 1, 'bytes'))
const caResponse = new Type('NewDownstreamX509CAResponse')
  .add(new Field('caCertChain', 1, 'bytes', 'repeated'))
  .add(new Field('x509Authorities', 2, 'bytes', 'repeated'))

/** Throws for what is no such message. */
export function decodeSvids(bytes: Uint8Array): X509SvidResponse {
  return svidResponse.toObject(svidResponse.decode(bytes), {
    arrays: true,
    defaults: true,
  }) as X509SvidResponse
}

export function encodeCaRequest(request: { readonly csr: Uint8Array }): Buffer {
  return Buffer.from(caRequest.encode(caRequest.create(request)).finish())
}

/** Throws for what is no such message. */
export function decodeCa(bytes: Uint8Array): DownstreamCa {
  return caResponse.toObject(caResponse.decode(bytes), { arrays: true }) as DownstreamCa
}
