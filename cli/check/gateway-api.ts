import { getObject, listAt, textAt, valueAt } from '../cluster/objects.ts'
import { failed, ok, warning, type Check } from './finding.ts'

const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'
const KINDS = ['httproutes', 'grpcroutes']
const BUNDLE = 'gateway.networking.k8s.io/bundle-version'

/** The definitions of HTTPRoute and GRPCRoute, which come with the cluster or from its administrator. */
export const gatewayApi: Check = {
  name: 'Gateway API',
  async run({ connection }) {
    const found = await Promise.all(
      KINDS.map((kind) => getObject(connection, `${CRDS}/${kind}.gateway.networking.k8s.io`)),
    )
    const install =
      'install https://github.com/kubernetes-sigs/gateway-api/releases (standard channel, v1.1 or newer)'
    const missing = KINDS.filter((_, at) => found[at] === undefined)
    if (missing.length > 0) return [failed(`${missing.join(' and ')} are not defined: ${install}`)]
    const old = found.filter(
      (crd) =>
        !listAt(crd?.body, 'spec', 'versions').some(
          (version) => textAt(version, 'name') === 'v1' && valueAt(version, 'served') === true,
        ),
    )
    if (old.length > 0)
      return [failed(`${old.map((crd) => crd?.name).join(' and ')} are not served as v1: ${install}`)]
    const version = found[0]?.annotations[BUNDLE]
    return [version === undefined ? warning('of an unknown version') : ok(version)]
  },
}
