import { WeftError } from './errors.ts'

/** `DOMAIN/PATH`, as `spec.signerName` of certificates.k8s.io has it. */
const SIGNER_NAME = /^[a-z0-9.-]+\.[a-z0-9-]+\/[^/\s].*$/
/** Where ClusterTrustBundles are served, newest version first; a kubelet projects no older one. */
export const CLUSTER_TRUST_BUNDLES = ['v1', 'v1beta1'].map((version) => ({
  apiVersion: `certificates.k8s.io/${version}`,
  path: `/apis/certificates.k8s.io/${version}/clustertrustbundles`,
}))

/** Of ClusterTrustBundles of one signer, this is Weft's. */
const BUNDLE_SUFFIX = 'weft'

/** Throws WeftError `cli.flags` that names the field. */
export function readSignerName(field: string, text: string): string {
  if (SIGNER_NAME.test(text)) return text
  throw new WeftError('cli.flags', 'is no signer name: write DOMAIN/NAME, e.g. example.com/mesh', { field })
}

/**
 * The name of the ClusterTrustBundle with the mesh's roots: one that names a signer begins with it
 * (kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests, "Cluster trust bundles").
 */
export function clusterTrustBundleName(signerName: string): string {
  return `${signerName.replaceAll('/', ':')}:${BUNDLE_SUFFIX}`
}
