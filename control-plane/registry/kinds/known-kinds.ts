import { closestName } from '../../../core/closest-name.ts'
import type { FieldProblem } from '../fields.ts'

interface KindEntry {
  readonly kind: string
  /** Newest first. */
  readonly versions: readonly string[]
}

/** Source: Kubernetes 1.36's API reference, Gateway API 1.6's, and deploy/chart/crds. `group version...: kinds` */
const GROUPS: readonly (readonly [group: string, versions: readonly string[], kinds: string])[] = [
  [
    '',
    ['v1'],
    'Binding ConfigMap Endpoints Event LimitRange List Namespace Node PersistentVolume PersistentVolumeClaim Pod PodTemplate ' +
      'ReplicationController ResourceQuota Secret Service ServiceAccount',
  ],
  ['apps', ['v1'], 'ControllerRevision DaemonSet Deployment ReplicaSet StatefulSet'],
  ['batch', ['v1'], 'CronJob Job'],
  ['autoscaling', ['v2', 'v1'], 'HorizontalPodAutoscaler'],
  ['policy', ['v1'], 'PodDisruptionBudget'],
  ['networking.k8s.io', ['v1'], 'IPAddress Ingress IngressClass NetworkPolicy ServiceCIDR'],
  ['discovery.k8s.io', ['v1'], 'EndpointSlice'],
  ['events.k8s.io', ['v1'], 'Event'],
  ['rbac.authorization.k8s.io', ['v1'], 'ClusterRole ClusterRoleBinding Role RoleBinding'],
  ['scheduling.k8s.io', ['v1'], 'PriorityClass'],
  [
    'storage.k8s.io',
    ['v1'],
    'CSIDriver CSINode CSIStorageCapacity StorageClass VolumeAttachment VolumeAttributesClass',
  ],
  ['node.k8s.io', ['v1'], 'RuntimeClass'],
  ['coordination.k8s.io', ['v1'], 'Lease'],
  ['apiextensions.k8s.io', ['v1'], 'CustomResourceDefinition'],
  ['apiregistration.k8s.io', ['v1'], 'APIService'],
  ['certificates.k8s.io', ['v1'], 'CertificateSigningRequest'],
  ['flowcontrol.apiserver.k8s.io', ['v1'], 'FlowSchema PriorityLevelConfiguration'],
  ['resource.k8s.io', ['v1'], 'DeviceClass ResourceClaim ResourceClaimTemplate ResourceSlice'],
  [
    'admissionregistration.k8s.io',
    ['v1'],
    'MutatingAdmissionPolicy MutatingAdmissionPolicyBinding MutatingWebhookConfiguration ValidatingAdmissionPolicy ' +
      'ValidatingAdmissionPolicyBinding ValidatingWebhookConfiguration',
  ],
  ['gateway.networking.k8s.io', ['v1', 'v1beta1'], 'Gateway GatewayClass HTTPRoute'],
  ['gateway.networking.k8s.io', ['v1'], 'BackendTLSPolicy GRPCRoute ListenerSet'],
  ['gateway.networking.k8s.io', ['v1', 'v1beta1'], 'ReferenceGrant'],
  ['gateway.networking.k8s.io', ['v1', 'v1alpha2'], 'TCPRoute UDPRoute'],
  ['gateway.networking.k8s.io', ['v1', 'v1alpha3', 'v1alpha2'], 'TLSRoute'],
  ['gateway.networking.x-k8s.io', ['v1alpha1'], 'XBackend XBackendTrafficPolicy XMesh'],
  [
    'weft.dev',
    ['v1alpha1'],
    'AuthorizationPolicy Canary IdentityRevocation MeshPolicy PeerAuthentication RequestAuthentication TrafficPolicy',
  ],
]

const KINDS: ReadonlyMap<string, readonly KindEntry[]> = Map.groupBy(
  GROUPS.flatMap(([group, versions, kinds]) =>
    kinds.split(' ').map((kind): KindEntry => ({
      kind,
      versions: versions.map((version) => (group === '' ? version : `${group}/${version}`)),
    })),
  ),
  ({ kind }) => kind,
)
// The group `extensions` is gone since Kubernetes 1.22, but not from manifests.
const KNOWN_GROUPS: ReadonlySet<string> = new Set(['extensions', ...GROUPS.map(([group]) => group)])

/** Whether all kinds of a group (`apps`; '' for the core's) are known here. */
export function isKnownGroup(group: string): boolean {
  return KNOWN_GROUPS.has(group)
}

/**
 * What is wrong with a kind and its apiVersion: a kind that is not there in a group whose kinds are known, or one that is
 * known by another apiVersion. Kinds of other groups (custom resources) may be there: nothing is said of them, unless
 * the kind is that of another group but for a letter or two.
 */
export function kindProblem(apiVersion: string, kind: string): FieldProblem | undefined {
  const group = apiVersion.includes('/') ? (apiVersion.split('/')[0] ?? '') : ''
  const entries = KINDS.get(kind)
  if (entries?.some(({ versions }) => versions.includes(apiVersion))) return undefined
  if (!KNOWN_GROUPS.has(group) && closestGroup(group) === undefined) return undefined
  if (entries) {
    const [version = ''] = entries.flatMap(({ versions }) => versions)
    return {
      path: ['apiVersion'],
      message: `there is no ${kind} of ${apiVersion}`,
      remedy: `write apiVersion: ${version}`,
    }
  }
  const meant = closestName(kind, kindsNear(group))
  const version = meant === undefined ? undefined : KINDS.get(meant)?.[0]?.versions[0]
  const other = version === undefined || version === apiVersion ? '' : ` (apiVersion: ${version})`
  return {
    path: ['kind'],
    message: `there is no kind ${kind} of ${apiVersion}`,
    remedy:
      meant === undefined
        ? 'correct kind or apiVersion, or take the object out'
        : `did you mean ${meant}${other}?`,
  }
}

/** Those of the group first, because of two that are equally near the first is taken. */
function kindsNear(group: string): string[] {
  const own = GROUPS.flatMap(([name, , kinds]) => (name === group ? kinds.split(' ') : []))
  return [...own, ...KINDS.keys()]
}

/** A group that is one of those known but for a letter or two. */
function closestGroup(group: string): string | undefined {
  return closestName(group, KNOWN_GROUPS, group.length < 5 ? 1 : 2)
}
