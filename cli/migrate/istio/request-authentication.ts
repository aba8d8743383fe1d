import { Fields, type FieldProblem } from '../../../control-plane/registry/fields.ts'
import { readTokenRules } from '../../../control-plane/registry/kinds/token-rules.ts'
import { SYSTEM_NAMESPACE } from '../../../core/contract.ts'
import type { JsonObject } from '../../../injector/json-patch.ts'
import { readGoDuration } from '../durations.ts'
import type { KnownObjects } from '../known-objects.ts'
import { weftManifest, withoutEmpty, type Manifest, type ObjectId } from '../manifests.ts'
import { meshPolicy } from '../mesh-policies.ts'
import type { Notes } from '../notes.ts'
import { labelsOf, placesOf } from './root-namespace.ts'
import { readTargetRefs } from './target-refs.ts'

/** A RequestAuthentication of Istio as one of Weft's; that of the root namespace is in MeshPolicy. */
export function migrateRequestAuthentication(
  object: Fields,
  own: ObjectId,
  { known, notes }: { readonly known: KnownObjects; readonly notes: Notes },
): readonly Manifest[] {
  const spec = object.map('spec')
  const selector = spec.optionalMap('selector')
  const matchLabels = labelsOf(selector?.stringMap('matchLabels'))
  selector?.refuseUnknown()
  const before = notes.losses
  const named = spec.has('targetRef') || spec.has('targetRefs')
  const targetRefs = readTargetRefs(spec, own, 'RequestAuthentication', notes)
  const lost = notes.losses > before
  const jwtRules = spec.list('jwtRules', (rule) => readRule(rule, notes)).filter((rule) => rule !== undefined)
  spec.refuseUnknown()
  if (jwtRules.length === 0 || (named ? targetRefs.length === 0 : lost)) return []
  return placesOf(own, matchLabels, { known, notes }).map((place) => {
    if (place.namespace === SYSTEM_NAMESPACE && !matchLabels && targetRefs.length === 0)
      return meshPolicy({ requestAuthentication: { jwtRules } })
    return weftManifest(
      'RequestAuthentication',
      { ...place, name: known.claim('RequestAuthentication', place) },
      withoutEmpty({ targetRefs, selector: matchLabels && { matchLabels }, jwtRules }),
    )
  })
}

/** One of `jwtRules`; undefined where not all of it can be said: tokens of its issuer are not believed then. */
function readRule(rule: Fields, notes: Notes): JsonObject | undefined {
  const before = notes.losses
  notes.withoutCounterpart(rule, {
    spaceDelimitedClaims: 'use claims that are lists: a claim of several words is one value',
  })
  const made = withoutEmpty({
    issuer: rule.requiredText('issuer'),
    audiences: rule.texts('audiences'),
    jwksUri: rule.text('jwksUri') ?? rule.text('jwks_uri'),
    jwks: rule.text('jwks'),
    timeout: rule.has('jwks') ? undefined : readGoDuration(rule, 'timeout'),
    fromHeaders: rule.list('fromHeaders', (entry) => {
      const header = withoutEmpty({ name: entry.requiredText('name'), prefix: entry.text('prefix') })
      entry.refuseUnknown()
      return header
    }),
    fromParams: rule.texts('fromParams'),
    fromCookies: rule.texts('fromCookies'),
    outputPayloadToHeader: rule.text('outputPayloadToHeader'),
    outputClaimToHeaders: rule.list('outputClaimToHeaders', (entry) => {
      const made = { header: entry.requiredText('header'), claim: entry.requiredText('claim') }
      entry.refuseUnknown()
      return made
    }),
    forwardOriginalToken: rule.boolean('forwardOriginalToken'),
  })
  // Asked for in any case, so that they are known names.
  rule.skip('jwks_uri', 'timeout')
  rule.refuseUnknown()
  const problems: FieldProblem[] = []
  if (notes.losses === before) readTokenRules(new Fields({ jwtRules: [made] }, [], problems))
  for (const { path, message, remedy = 'correct it' } of problems)
    notes.lost([...rule.path, ...path.slice(2)], message, remedy)
  if (notes.losses === before) return made
  notes.lost(
    rule.path,
    'becomes no rule, and nobody verifies tokens of its issuer',
    'correct it and convert it again; policies that ask for its users refuse them until then',
  )
  return undefined
}
