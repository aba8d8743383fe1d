/** Of an API server that serves ClusterTrustBundles, which none does unless it is told (KEP-3257). */
export const CLUSTER_TRUST_BUNDLE_FLAGS = [
  '--feature-gates=ClusterTrustBundle=true,ClusterTrustBundleProjection=true',
  '--runtime-config=certificates.k8s.io/v1beta1/clustertrustbundles=true',
]
