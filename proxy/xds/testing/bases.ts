import { type Bootstrap } from '../../../core/xds/generated/envoy.js'
import { ADS, address } from './base-parts.ts'
import { CLUSTERS, FROM_FILES, upstream } from './cluster-bases.ts'
import { LISTENERS, tcp } from './listener-bases.ts'

// Good bootstraps that hold, together, every field of the table of what is served (core/xds/served). Anys are
// unpacked, so that any field can be changed where it stands.

const FILE: Bootstrap = {
  node: {
    id: 'a',
    cluster: 'b',
    metadata: { NAMESPACE: 'shop' },
    locality: { region: 'west', zone: 'west-1', subZone: 'west-1-a' },
  },
  admin: { address: address(15_000) },
  dynamicResources: {
    adsConfig: {
      apiType: 'DELTA_GRPC',
      transportApiVersion: 'V3',
      grpcServices: [{ envoyGrpc: { clusterName: 'dns' } }],
    },
    ldsConfig: ADS,
    cdsConfig: ADS,
  },
}

/** One bootstrap a resource, beside the cluster that its server is behind: a change is seen in a small file. */
export const BASES: readonly Bootstrap[] = [
  ...LISTENERS.map((listener) => ({
    ...FILE,
    staticResources: { listeners: [listener], clusters: CLUSTERS.slice(1, 2) },
  })),
  ...CLUSTERS.filter(({ name }) => name !== 'dns').map((cluster) => ({
    ...FILE,
    staticResources: { clusters: [cluster, ...CLUSTERS.slice(1, 2)] },
  })),
]

/** What a server may not send: it names files. */
export const FILES_BASE: Bootstrap = {
  staticResources: {
    listeners: [
      { name: 'front', address: address(8080), defaultFilterChain: tcp({ statPrefix: 'a', cluster: 'a' }) },
    ],
    clusters: [
      {
        name: 'a',
        loadAssignment: { clusterName: 'a' },
        transportSocket: upstream(FROM_FILES),
      },
    ],
  },
}
