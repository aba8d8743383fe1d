import type { Fields, TextCheck } from '../fields.ts'

export interface Meta {
  readonly namespace: string
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  /** Milliseconds since the epoch; 0 when the object does not say (a manifest). */
  readonly createdAt: number
  readonly generation: number
}

export const DNS_NAME: TextCheck = {
  pattern: /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/,
  is: 'a DNS name (lower-case letters, digits, "-" and "."; at most 253 characters)',
}

export function readMeta(object: Fields, scope: 'cluster' | 'namespaced'): Meta {
  const meta = object.map('metadata')
  const created = meta.text('creationTimestamp')
  const createdAt = created === undefined ? 0 : Date.parse(created)
  if (Number.isNaN(createdAt))
    meta.problem('must be a time such as 2026-01-31T12:00:00Z', 'creationTimestamp')
  const namespace = meta.text('namespace', DNS_NAME)
  return {
    namespace: scope === 'cluster' ? '' : (namespace ?? 'default'),
    name: meta.requiredText('name', DNS_NAME),
    labels: meta.stringMap('labels'),
    annotations: meta.stringMap('annotations'),
    createdAt: Number.isNaN(createdAt) ? 0 : createdAt,
    generation: meta.integer('generation', 0, Number.MAX_SAFE_INTEGER) ?? 0,
  }
}

export function keyOf(meta: Meta): string {
  return meta.namespace === '' ? meta.name : `${meta.namespace}/${meta.name}`
}
