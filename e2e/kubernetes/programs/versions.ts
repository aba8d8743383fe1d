/** What the test cluster is made of. README.md says why these. */
export const KUBERNETES = 'v1.36.3'
export const COREDNS = 'v1.14.7'
export const HELM = 'v3.20.2'
export const GATEWAY_API = 'v1.6.3'
