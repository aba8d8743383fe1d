import { parseSpiffeId } from '../../certs/spiffe-id.ts'
import { TRUST_LIMITS, type MeshTrust, type RevokedIdentities } from '../../core/mesh-trust.ts'
import type { PolicyProblem } from '../model/policy-problem.ts'
import type { IdentityRevocationObject } from '../registry/kinds/identity-revocation.ts'
import type { Snapshot } from '../registry/snapshot.ts'

export interface TrustSettings {
  readonly trustDomain: string
  readonly aliases: readonly string[]
  /** Whose IdentityRevocations hold: where Weft is installed. */
  readonly systemNamespace: string
}

export interface Trust {
  readonly trust: MeshTrust
  readonly problems: readonly PolicyProblem[]
}

/** Revocations, and bundles of other domains, as what each sidecar is told; the same object while nothing changes. */
export class TrustTranslator {
  readonly #settings: TrustSettings
  /** Of the mesh's own trust domain. */
  readonly #names: readonly string[]
  #kept: { readonly inputs: readonly unknown[]; readonly result: Trust } | undefined

  constructor(settings: TrustSettings) {
    this.#settings = settings
    this.#names = [settings.trustDomain, ...settings.aliases]
  }

  /** `federated`: roots of other domains, by domain, as PEM. */
  translate({ identityRevocations }: Snapshot, federated: Readonly<Record<string, string>>): Trust {
    const inputs = [identityRevocations, federated]
    if (this.#kept && inputs.every((input, index) => input === this.#kept?.inputs[index]))
      return this.#kept.result
    const { revoked, problems } = this.#revoked([...identityRevocations.values()])
    const names = this.#settings.aliases.length > 0 ? this.#names : []
    const result = { trust: { names, federated, revoked }, problems }
    this.#kept = { inputs, result }
    return result
  }

  #revoked(objects: readonly IdentityRevocationObject[]): {
    revoked: RevokedIdentities
    problems: readonly PolicyProblem[]
  } {
    const identities = new Set<string>()
    const certificates = { serials: new Set<string>(), fingerprints: new Set<string>() }
    const problems: PolicyProblem[] = []
    const { systemNamespace } = this.#settings
    // In order of name, so that of too many the same ones hold in every replica.
    for (const object of objects.toSorted((a, b) => (a.meta.name < b.meta.name ? -1 : 1))) {
      if (object.meta.namespace !== systemNamespace) {
        problems.push(
          problemOf(
            object,
            'metadata.namespace',
            `holds only in namespace ${systemNamespace}: nothing is revoked by it`,
            `move it to namespace ${systemNamespace}`,
          ),
        )
        continue
      }
      const ids = object.identities.flatMap((id) => this.#namesOf(id))
      const total = identities.size + ids.length
      const held = certificates.serials.size + certificates.fingerprints.size + object.certificates.length
      if (total > TRUST_LIMITS.identities || held > TRUST_LIMITS.certificates) {
        problems.push(
          problemOf(
            object,
            'spec',
            `would be more than ${TRUST_LIMITS.identities} identities or ${TRUST_LIMITS.certificates} certificates that are revoked at once: nothing is revoked by it`,
            'remove revocations of certificates that have ended',
          ),
        )
        continue
      }
      for (const id of ids) identities.add(id)
      for (const { serial, sha256 } of object.certificates)
        if (sha256 === undefined) certificates.serials.add(serial)
        else certificates.fingerprints.add(sha256)
    }
    return {
      revoked: {
        identities: [...identities].sort(),
        serials: [...certificates.serials].sort(),
        fingerprints: [...certificates.fingerprints].sort(),
      },
      problems,
    }
  }

  /** An identity of this mesh under all of its mesh's names. */
  #namesOf(id: string): string[] {
    const parsed = parseSpiffeId(id)
    return this.#names.includes(parsed.trustDomain)
      ? this.#names.map((domain) => `spiffe://${domain}${parsed.path}`)
      : [id]
  }
}

function problemOf(
  { kind, meta }: IdentityRevocationObject,
  field: string,
  message: string,
  remedy: string,
): PolicyProblem {
  return { kind, namespace: meta.namespace, name: meta.name, field, reason: 'Invalid', message, remedy }
}
