import type { Match, ValueMatch } from '../../model/route.ts'

/** Patterns that every path fits, as far as they are told by their look. */
const ANY_PATH = new Set(['.*', '/.*', '^/.*', '^/.*$', '.+', '/?.*'])

/** Whether each request that `narrow` matches is one that `wide` matches. Of patterns only what is plain to see is known. */
export function covers(wide: Match, narrow: Match): boolean {
  return (
    (!wide.grpc || narrow.grpc) &&
    coversPath(wide.path, narrow.path) &&
    (wide.method === undefined || wide.method === narrow.method) &&
    coversValues(wide.headers, narrow.headers) &&
    coversValues(wide.query, narrow.query)
  )
}

function coversPath(wide: Match['path'], narrow: Match['path']): boolean {
  if (wide.kind === 'regex')
    return ANY_PATH.has(wide.value) || (narrow.kind === 'regex' && narrow.value === wide.value)
  if (wide.kind === 'exact') return narrow.kind === 'exact' && narrow.value === wide.value
  if (wide.value === '') return true
  // By whole segments, as prefixes match (Gateway API, PathPrefix).
  return narrow.kind !== 'regex' && (narrow.value === wide.value || narrow.value.startsWith(`${wide.value}/`))
}

function coversValues(wide: readonly ValueMatch[], narrow: readonly ValueMatch[]): boolean {
  return wide.every((one) =>
    narrow.some(({ name, kind, value }) => name === one.name && kind === one.kind && value === one.value),
  )
}
