import type { ObjectMigration } from '../migrate-objects.ts'
import { migrateMetadata } from '../pod-metadata.ts'
import { migrateAuthorizationPolicy } from './authorization-policy.ts'
import { migrateDestinationRule } from './destination-rule.ts'
import { migratePeerAuthentication } from './peer-authentication.ts'
import { ISTIO_METADATA } from './pods.ts'
import { migrateRequestAuthentication } from './request-authentication.ts'
import { Subsets } from './subsets.ts'
import { migrateVirtualService } from './virtual-service.ts'
import { WITHOUT_COUNTERPART } from './without-counterpart.ts'

/** Istio's objects, and what labels and annotations of Istio others have. */
export function migrateIstio({ object, known, notes }: ObjectMigration): ReturnType<typeof migrateMetadata> {
  const { apiVersion, kind, namespace, name } = object
  const [group = ''] = apiVersion.split('/')
  const own = { namespace, name }
  if (group !== 'istio.io' && !group.endsWith('.istio.io'))
    return migrateMetadata(object, ISTIO_METADATA, notes)
  switch (kind) {
    case 'VirtualService':
      return migrateVirtualService(notes.fields(), own, { known, subsets: new Subsets(known), notes })
    case 'DestinationRule':
      return migrateDestinationRule(notes.fields(), own, { known, notes })
    case 'PeerAuthentication':
      return migratePeerAuthentication(notes.fields(), own, notes)
    case 'AuthorizationPolicy':
      return migrateAuthorizationPolicy(notes.fields(), own, { known, notes })
    case 'RequestAuthentication':
      return migrateRequestAuthentication(notes.fields(), own, { known, notes })
    default: {
      const remedy = Object.hasOwn(WITHOUT_COUNTERPART, kind) ? WITHOUT_COUNTERPART[kind] : undefined
      notes.lost([], `${kind} has no counterpart`, remedy ?? 'take it out: Weft has nothing like it')
      return []
    }
  }
}
