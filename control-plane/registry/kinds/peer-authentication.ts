import type { Fields } from '../fields.ts'
import type { MtlsMode } from '../../model/mesh-policy.ts'
import { readSelector, type Labels } from './label-selector.ts'
import { readMeta, type Meta } from './meta.ts'

/** weft.dev/v1alpha1 PeerAuthentication: which connections the pods of a namespace take. */
export interface PeerAuthenticationObject {
  readonly kind: 'PeerAuthentication'
  readonly meta: Meta
  /** Undefined: the whole namespace. */
  readonly selector: Labels | undefined
  /** Undefined, where it speaks of ports only: what holds without the policy. */
  readonly mode: MtlsMode | undefined
  /** By port of the pod, in place of `mode`. */
  readonly ports: Readonly<Record<number, MtlsMode>>
}

const MODES = ['STRICT', 'PERMISSIVE'] as const
const PORT = /^[1-9]\d{0,4}$/
const MOST_PORTS = 64

/**
 * Strict, as the definition is that the API server holds (deploy/chart/crds): an unknown field may narrow what its author
 * meant to allow, a selector without labels would mean the whole namespace, and a label that cannot be is on no pod.
 */
export function readPeerAuthentication(object: Fields): PeerAuthenticationObject {
  const meta = readMeta(object, 'namespaced')
  object.skip('apiVersion', 'kind', 'status')
  const spec = object.map('spec')
  const selector = readSelector(spec)
  const byPort = spec.optionalMap('portLevelMtls')
  // Whether a port of that number is what the policy means is told by the pods that it selects.
  if (byPort && !selector)
    spec.problem('needs spec.selector: ports are those of the pods that it selects', 'portLevelMtls')
  const ports = byPort ? readPorts(byPort) : {}
  const mtls = spec.map('mtls')
  if (!mtls.has('mode') && (!byPort || spec.has('mtls')))
    mtls.problem('is required: STRICT or PERMISSIVE', 'mode')
  const mode = mtls.oneOf('mode', MODES)
  for (const part of [object, spec, mtls]) part.refuseUnknown()
  return { kind: 'PeerAuthentication', meta, selector, mode, ports }
}

function readPorts(byPort: Fields): Readonly<Record<number, MtlsMode>> {
  const ports: Record<number, MtlsMode> = {}
  const names = byPort.names()
  if (names.length === 0) byPort.problem('is empty: name a port, or leave it out')
  if (names.length > MOST_PORTS) byPort.problem(`has ${names.length} ports; at most ${MOST_PORTS}`)
  for (const name of names.slice(0, MOST_PORTS)) {
    if (!PORT.test(name) || Number(name) > 65_535)
      byPort.problem('must be a port from 1 to 65535, in quotes, such as "8080"', name)
    const entry = byPort.map(name)
    if (!entry.has('mode')) entry.problem('is required: STRICT or PERMISSIVE', 'mode')
    const mode = entry.oneOf('mode', MODES)
    entry.refuseUnknown()
    if (mode !== undefined) ports[Number(name)] = mode
  }
  return ports
}
