import { METADATA_TRUST } from '../../core/contract.ts'
import { isOwnTrustAlone } from '../../core/mesh-trust.ts'
import type { JsonObject } from '../../core/xds/well-known.ts'
import type { Mesh } from '../model/mesh.ts'
import type { ClientTakes } from './client-takes.ts'

/** Of the listener `inbound`: whom its sidecar trusts beside the mesh's own domain, and whom no more. */
export function trustMetadata({ trust }: Mesh, takes: ClientTakes): JsonObject {
  if (takes.trust !== 'told' || isOwnTrustAlone(trust)) return {}
  const { names, federated, revoked } = trust
  const { identities, serials, fingerprints } = revoked
  return { [METADATA_TRUST]: { names, federated, revoked: { identities, serials, fingerprints } } }
}

/** Whose identities may call: of the mesh, by all of its names, and of other domains where their roots can be told. */
export function trustedDomains(mesh: Mesh, takes: ClientTakes): readonly string[] {
  const { trustDomain, trustDomainAliases, trust } = mesh
  const others = takes.trust === 'told' ? Object.keys(trust.federated) : []
  return [trustDomain, ...trustDomainAliases, ...others]
}

/** SPIFFE IDs of this mesh by all of its names, for clients that compare them letter by letter. */
export function allNames(
  { trustDomain, trustDomainAliases }: Mesh,
  ids: readonly string[],
): readonly string[] {
  const own = `spiffe://${trustDomain}/`
  return ids.flatMap((id) => [
    id,
    ...(id.startsWith(own)
      ? trustDomainAliases.map((alias) => `spiffe://${alias}/${id.slice(own.length)}`)
      : []),
  ])
}
