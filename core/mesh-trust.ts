/** Whom a mesh trusts beside the identities of its own trust domain, and whom it trusts no more. */
export interface MeshTrust {
  /** All names of the mesh's own trust domain, where it has several: the same workloads, proven by the same roots. */
  readonly names: readonly string[]
  /**
   * By trust domain: its roots as PEM. They prove identities of that domain alone. '': the control plane does not have
   * them yet, and what a sidecar was told before holds on.
   */
  readonly federated: Readonly<Record<string, string>>
  readonly revoked: RevokedIdentities
}

/** Each list is sorted and without repetition. */
export interface RevokedIdentities {
  /** SPIFFE IDs. */
  readonly identities: readonly string[]
  /** Serial numbers of certificates of the mesh's own CA: lower-case hexadecimal without leading zeros. */
  readonly serials: readonly string[]
  /** SHA-256 of certificates: 64 lower-case hexadecimal digits. */
  readonly fingerprints: readonly string[]
}

export const NOBODY_REVOKED: RevokedIdentities = { identities: [], serials: [], fingerprints: [] }
export const OWN_TRUST: MeshTrust = { names: [], federated: {}, revoked: NOBODY_REVOKED }

/** What a mesh may name; whatever is beyond it is refused where it is written. */
export const TRUST_LIMITS = { aliases: 8, federated: 16, identities: 1024, certificates: 1024 } as const

/** As certificates are compared: digits of any case, with or without colons and leading zeros. */
export function normalSerial(text: string): string {
  return text
    .replaceAll(':', '')
    .toLowerCase()
    .replace(/^0+(?=.)/, '')
}

export function normalFingerprint(text: string): string {
  return text.replaceAll(':', '').toLowerCase()
}

/** Nothing beyond the mesh's own trust domain, and nobody revoked. */
export function isOwnTrustAlone({ names, federated, revoked }: MeshTrust): boolean {
  return names.length === 0 && Object.keys(federated).length === 0 && !revokesAny(revoked)
}

export function revokesAny({ identities, serials, fingerprints }: RevokedIdentities): boolean {
  return identities.length + serials.length + fingerprints.length > 0
}
