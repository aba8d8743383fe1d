import { startEntriesWriter, type StatusKind } from './entries-writer.ts'
import { ANCESTORS } from './status-entries.ts'
import type { StartWriter } from './writer.ts'

const POLICIES: Readonly<Record<string, StatusKind>> = {
  XBackendTrafficPolicy: {
    groupVersion: 'gateway.networking.x-k8s.io/v1alpha1',
    plural: 'xbackendtrafficpolicies',
  },
  RequestAuthentication: { groupVersion: 'weft.dev/v1alpha1', plural: 'requestauthentications' },
  AuthorizationPolicy: { groupVersion: 'weft.dev/v1alpha1', plural: 'authorizationpolicies' },
  MeshPolicy: { groupVersion: 'weft.dev/v1alpha1', plural: 'meshpolicies' },
  TrafficPolicy: { groupVersion: 'weft.dev/v1alpha1', plural: 'trafficpolicies' },
}

/** Keeps our ancestors in `status.ancestors` of every policy. */
export const writePolicyStatus: StartWriter = (context) =>
  startEntriesWriter(context, {
    what: "a policy's status",
    kinds: POLICIES,
    list: ANCESTORS,
    view: context.policyStatus,
    statusOf: ({ policyStatus }) => policyStatus,
    entriesOf: ({ ancestors }) => ancestors.map(({ ancestorRef: ref, conditions }) => ({ ref, conditions })),
  })
