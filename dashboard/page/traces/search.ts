/** Fields of the search form, as the address and `GET /api/traces` name them. */
export const TRACE_FIELDS = [
  'service',
  'route',
  'status',
  'flag',
  'identity',
  'method',
  'path',
  'min',
  'max',
  'failed',
] as const

export const TRACE_LIMIT = 100

/** What the page asks: only fields that are set. */
export function searchQuery(params: Readonly<Record<string, string>>): string {
  const query = new URLSearchParams()
  for (const field of TRACE_FIELDS) {
    const value = (params[field] ?? '').trim()
    if (value !== '') query.set(field, value)
  }
  const namespace = params['ns'] ?? ''
  if (namespace !== '') query.set('namespace', namespace)
  query.set('limit', String(TRACE_LIMIT))
  return query.toString()
}
