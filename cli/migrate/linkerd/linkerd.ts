import { GATEWAY_GROUP, type Manifest } from '../manifests.ts'
import type { ObjectMigration } from '../migrate-objects.ts'
import { migrateMetadata } from '../pod-metadata.ts'
import { readMeshTls, readNetworks } from './authentications.ts'
import { noteAuthorizationPolicy } from './authorization-policy.ts'
import { linkerdMetadata } from './pods.ts'
import { migrateRateLimit } from './rate-limit.ts'
import { migrateRoute } from './route.ts'
import { migrateServer, namespacePolicy } from './server.ts'
import { migrateServiceProfile } from './service-profile.ts'
import { migrateService } from './service.ts'
import { migrateTrafficSplit } from './traffic-split.ts'

const CALLERS = 'say it by a Server and an AuthorizationPolicy of policy.linkerd.io, and convert it again'

/** Kinds that nothing is printed for, with what to do. */
const WITHOUT_COUNTERPART: Readonly<Record<string, string>> = {
  ServerAuthorization: CALLERS,
  EgressNetwork: 'take it out: connections to addresses outside of the mesh pass through',
  ExternalWorkload: 'run it as a pod: Weft has no workloads outside of the cluster',
  Link: 'take it out: a mesh of Weft is one cluster',
  TrafficTarget: CALLERS,
  HTTPRouteGroup: 'write its matches into the rules of an HTTPRoute',
  TCPRoute: 'take it out: it said which connections a TrafficTarget is for',
}

/** Linkerd's objects and those of SMI, and what annotations of Linkerd others have. */
export function migrateLinkerd({ object, known, notes }: ObjectMigration): readonly Manifest[] {
  const { apiVersion, kind, namespace, name } = object
  const [group = ''] = apiVersion.split('/')
  const own = { namespace, name }
  const at = { known, notes }
  if (kind === 'Service' && apiVersion === 'v1') return migrateService(notes.fields(), own, at)
  const ofLinkerd = group === 'linkerd.io' || group.endsWith('.linkerd.io')
  if ((kind === 'HTTPRoute' || kind === 'GRPCRoute') && (ofLinkerd || group === GATEWAY_GROUP))
    return migrateRoute(object, at)
  if (!ofLinkerd && !group.endsWith('.smi-spec.io')) {
    const preset = namespace === '' ? '' : namespacePolicy(known, namespace)
    return migrateMetadata(object, linkerdMetadata(preset), notes)
  }
  switch (kind) {
    case 'ServiceProfile':
      return migrateServiceProfile(notes.fields(), own, at)
    case 'TrafficSplit':
      return migrateTrafficSplit(notes.fields(), own, at)
    case 'HTTPLocalRateLimitPolicy':
      return migrateRateLimit(notes.fields(), own, at)
    case 'Server':
      return migrateServer(notes.fields(), own, at)
    case 'AuthorizationPolicy':
      noteAuthorizationPolicy(notes.fields(), own, at)
      return []
    case 'MeshTLSAuthentication':
      readMeshTls(notes.fields(), own, notes)
      return []
    case 'NetworkAuthentication':
      readNetworks(notes.fields(), notes)
      return []
    default: {
      const remedy = Object.hasOwn(WITHOUT_COUNTERPART, kind) ? WITHOUT_COUNTERPART[kind] : undefined
      notes.lost([], `${kind} has no counterpart`, remedy ?? 'take it out: Weft has nothing like it')
      return []
    }
  }
}
