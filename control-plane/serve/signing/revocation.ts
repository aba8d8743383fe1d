import type { Mesh } from '../../model/mesh.ts'

/** For SignOptions.refusal: what the mesh knows now of revoked identities, in words for the sidecar that asks. */
export function revocationRefusal(mesh: () => Mesh): (spiffeId: string) => string | undefined {
  return (spiffeId) =>
    mesh().trust.revoked.identities.includes(spiffeId)
      ? `${spiffeId} is revoked by an IdentityRevocation (weft identity list): nothing is signed for it`
      : undefined
}
