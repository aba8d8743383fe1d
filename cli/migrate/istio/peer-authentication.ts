import type { Fields } from '../../../control-plane/registry/fields.ts'
import { ANNOTATION_PREFIX, INJECT_LABEL } from '../../../core/contract.ts'
import type { JsonObject } from '../../../injector/json-patch.ts'
import { weftManifest, withoutEmpty, type Manifest, type ObjectId } from '../manifests.ts'
import { meshPolicy } from '../mesh-policies.ts'
import type { Notes } from '../notes.ts'
import { labelsOf, ROOT_NAMESPACE } from './root-namespace.ts'

/** A PeerAuthentication of Istio as one of Weft's; that of the root namespace without labels is `mtls` of MeshPolicy. */
export function migratePeerAuthentication(object: Fields, own: ObjectId, notes: Notes): readonly Manifest[] {
  const spec = object.map('spec')
  const selector = spec.optionalMap('selector')
  const matchLabels = labelsOf(selector?.stringMap('matchLabels'))
  const mode = readMode(spec.map('mtls'), notes)
  const byPort = spec.optionalMap('portLevelMtls')
  const ports = byPort ? readPorts(byPort, notes) : {}
  for (const part of [spec, selector]) part?.refuseUnknown()
  if (byPort && !matchLabels) {
    notes.lost(
      byPort.path,
      'is without selector, where Istio takes no notice of it, and neither has Weft a place for it',
      'select the pods whose ports are meant',
    )
  }
  const said = byPort && matchLabels ? ports : {}
  if (mode === undefined && Object.keys(said).length === 0) return []
  if (own.namespace === ROOT_NAMESPACE && !matchLabels && mode !== undefined)
    return [meshPolicy({ mtls: { mode } })]
  const made = {
    selector: matchLabels && { matchLabels },
    mtls: mode === undefined ? undefined : { mode },
    portLevelMtls: said,
  }
  return [weftManifest('PeerAuthentication', own, withoutEmpty(made))]
}

function readPorts(byPort: Fields, notes: Notes): JsonObject {
  const ports = byPort.names().flatMap((port) => {
    const mode = readMode(byPort.map(port), notes)
    return mode === undefined ? [] : [[port, { mode }] as const]
  })
  return Object.fromEntries(ports)
}

function readMode(mtls: Fields, notes: Notes): 'STRICT' | 'PERMISSIVE' | undefined {
  const mode = mtls.text('mode') ?? 'UNSET'
  mtls.refuseUnknown()
  const field = [...mtls.path, 'mode']
  if (mode === 'STRICT' || mode === 'PERMISSIVE') return mode
  if (mode === 'UNSET')
    notes.changed(
      field,
      'says nothing by itself: what holds is what the policy of the pods, the namespace or the mesh says, else PERMISSIVE',
      'take it out',
    )
  else
    notes.lost(
      field,
      `${mode} has no counterpart: a sidecar takes mutual TLS always`,
      `leave the pods out by the label ${INJECT_LABEL}: disabled, or exclude ports by ${ANNOTATION_PREFIX}exclude-inbound-ports`,
    )
  return undefined
}
