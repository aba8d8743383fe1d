import { METADATA, METADATA_AUDIT, METADATA_OPEN_CONNECTIONS_MS } from '../../core/contract.ts'
import type { Metadata } from '../../core/xds/generated/envoy.js'
import type { Audit } from '../steps/step.ts'
import { decodeNumber, decodeText } from './decode-metadata.ts'
import type { Scope } from './scope.ts'

// What a listener says of authorization in its metadata, for which Envoy has no field.

const OPEN_CONNECTIONS_MS = 5000
const LONGEST_OPEN_MS = 60_000

/** Milliseconds. `scope`: of the listener. */
export function decodeOpenConnections(metadata: Metadata | undefined, scope: Scope): number {
  const ms = decodeNumber(metadata, METADATA, METADATA_OPEN_CONNECTIONS_MS, scope) ?? OPEN_CONNECTIONS_MS
  if (ms < 0 || ms > LONGEST_OPEN_MS)
    placeOf(scope, METADATA_OPEN_CONNECTIONS_MS).fail(`must be from 0 to ${LONGEST_OPEN_MS}`)
  return ms
}

export function decodeAudit(metadata: Metadata | undefined, scope: Scope): Audit {
  const text = decodeText(metadata, METADATA, METADATA_AUDIT, scope)
  if (text === 'Denied' || text === 'All') return text
  if (text !== '' && text !== 'None') placeOf(scope, METADATA_AUDIT).fail('must be None, Denied or All')
  return 'None'
}

function placeOf(scope: Scope, key: string): Scope {
  return scope.at('metadata').at(`filter_metadata[${METADATA}]`).at(key)
}
