import type { Fields } from '../../../control-plane/registry/fields.ts'
import type { KnownObjects } from '../known-objects.ts'
import { withoutEmpty, type Manifest, type ObjectId } from '../manifests.ts'
import type { Notes } from '../notes.ts'
import { readTargetRefs } from './target-refs.ts'
import { authorizationPolicies } from '../policy-manifests.ts'
import { readAuthorizationRule } from './authorization-rule.ts'
import { labelsOf, placesOf } from './root-namespace.ts'

const ACTIONS = ['ALLOW', 'DENY', 'AUDIT', 'CUSTOM'] as const
const DRY_RUN = 'istio.io/dry-run'

/**
 * An AuthorizationPolicy of Istio as one of Weft's. A rule of which a part has no counterpart is left out whole: of ALLOW less is
 * allowed then, and of DENY and AUDIT it is told what is missing.
 */
export function migrateAuthorizationPolicy(
  object: Fields,
  own: ObjectId,
  { known, notes }: { readonly known: KnownObjects; readonly notes: Notes },
): readonly Manifest[] {
  const dryRun = object.map('metadata').stringMap('annotations')[DRY_RUN]
  const spec = object.map('spec')
  const before = notes.losses
  const action = spec.has('action') ? spec.oneOf('action', ACTIONS) : 'ALLOW'
  if (action === undefined) return []
  const selector = spec.optionalMap('selector')
  const matchLabels = labelsOf(selector?.stringMap('matchLabels'))
  selector?.refuseUnknown()
  if (action === 'CUSTOM') {
    notes.lost(
      [...spec.path, 'action'],
      'CUSTOM has no counterpart: no sidecar asks anybody else',
      'ask in the application, and write an ALLOW or DENY for what can be said without',
    )
    return []
  }
  spec.skip('provider')
  const named = spec.has('targetRefs') || spec.has('targetRef')
  const targetRefs = readTargetRefs(spec, own, 'policy', notes)
  const mode = modeOf(dryRun, action, notes)
  const wrongBefore = notes.losses > before
  const given = spec.list('rules', (rule) => readAuthorizationRule(rule, { own, action, notes }))
  const rules = given.filter((rule) => rule !== undefined)
  spec.refuseUnknown()
  if (wrongBefore && (!named || targetRefs.length === 0)) return []
  if (named && targetRefs.length === 0) return []
  if (rules.length === 0 && action !== 'ALLOW') {
    if (given.length === 0)
      notes.changed(
        [...spec.path, 'rules'],
        `is not there, and ${action} without rules is for nothing`,
        'take the policy out',
      )
    return []
  }
  const said = withoutEmpty({
    targetRefs: [...targetRefs],
    selector: matchLabels && { matchLabels },
    action: spec.has('action') ? action : undefined,
    mode,
  })
  return placesOf(own, matchLabels, { known, notes }).flatMap((place) =>
    authorizationPolicies(place, said, rules.length > 0 ? rules : undefined, known),
  )
}

function modeOf(dryRun: string | undefined, action: string, notes: Notes): 'DryRun' | undefined {
  if (dryRun === undefined || action === 'AUDIT') return undefined
  // As Go's strconv.ParseBool has it, by which Istio reads it.
  if (/^(?:1|t|T|TRUE|true|True)$/.test(dryRun)) return 'DryRun'
  if (!/^(?:0|f|F|FALSE|false|False)$/.test(dryRun))
    notes.changed(
      ['metadata', 'annotations', DRY_RUN],
      `${JSON.stringify(dryRun)} is neither true nor false; the policy is in force`,
      'say mode: DryRun in what is printed, if that was meant',
    )
  return undefined
}

/** `targetRefs`, and `targetRef` as it once was. */
