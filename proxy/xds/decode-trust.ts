import { parseTrustBundle } from '../../certs/trust-bundle.ts'
import { checkTrustDomain } from '../../certs/spiffe-id.ts'
import { METADATA, METADATA_TRUST } from '../../core/contract.ts'
import { describeError } from '../../core/errors.ts'
import { TRUST_LIMITS, type MeshTrust } from '../../core/mesh-trust.ts'
import type { Metadata } from '../../core/xds/generated/envoy.js'
import type { JsonObject, JsonValue } from '../../core/xds/well-known.ts'
import { decodeStruct, textsOf } from './decode-metadata.ts'
import type { Scope } from './scope.ts'

// What is listed once for each alias.
const MOST_NAMES = TRUST_LIMITS.identities * (1 + TRUST_LIMITS.aliases)

/** filter_metadata `weft.dev` of a listener: whom the mesh trusts beside its own domain, and whom no more. */
export function decodeTrust(metadata: Metadata | undefined, scope: Scope): MeshTrust | undefined {
  const said = decodeStruct(metadata, METADATA, METADATA_TRUST, scope)
  if (!said) return undefined
  const at = scope.at('metadata').at(`filter_metadata[${METADATA}]`).at(METADATA_TRUST)
  for (const key of Object.keys(said))
    if (key !== 'names' && key !== 'federated' && key !== 'revoked') at.at(key).fail('is not known')
  const revoked = structOf(said, 'revoked', at)
  const ofRevoked = at.at('revoked')
  for (const key of Object.keys(revoked))
    if (key !== 'identities' && key !== 'serials' && key !== 'fingerprints')
      ofRevoked.at(key).fail('is not known')
  return {
    names: domains(listOf(said, 'names', 1 + TRUST_LIMITS.aliases, at), at.at('names')),
    federated: bundles(structOf(said, 'federated', at), at.at('federated')),
    revoked: {
      identities: listOf(revoked, 'identities', MOST_NAMES, ofRevoked),
      serials: listOf(revoked, 'serials', TRUST_LIMITS.certificates, ofRevoked),
      fingerprints: listOf(revoked, 'fingerprints', TRUST_LIMITS.certificates, ofRevoked),
    },
  }
}

function structOf(from: JsonObject, key: string, scope: Scope): JsonObject {
  const value = from[key]
  if (value === undefined) return {}
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject
  scope.at(key).fail('must be an object')
  return {}
}

function listOf(from: JsonObject, key: string, most: number, scope: Scope): readonly string[] {
  const value: JsonValue = from[key] ?? []
  if (!Array.isArray(value)) {
    scope.at(key).fail('must be a list')
    return []
  }
  if (value.length > most) scope.at(key).fail(`has ${value.length} items; at most ${most}`)
  return value.filter((item, index): item is string => {
    if (typeof item !== 'string') scope.at(key, index).fail('must be text')
    return typeof item === 'string'
  })
}

function domains(names: readonly string[], scope: Scope): readonly string[] {
  for (const name of names) held(scope, () => checkTrustDomain(name))
  return names
}

/** A bundle that cannot be read would leave out a domain in silence. */
function bundles(from: JsonObject, scope: Scope): Readonly<Record<string, string>> {
  const texts = textsOf(from, scope)
  const count = Object.keys(texts).length
  if (count > TRUST_LIMITS.federated) scope.fail(`has ${count} domains; at most ${TRUST_LIMITS.federated}`)
  for (const [domain, pem] of Object.entries(texts)) {
    held(scope, () => checkTrustDomain(domain))
    if (pem !== '') held(scope.at(domain), () => parseTrustBundle(pem, 'the bundle'))
  }
  return texts
}

function held(scope: Scope, check: () => unknown): void {
  try {
    check()
  } catch (error) {
    scope.fail(describeError(error))
  }
}
