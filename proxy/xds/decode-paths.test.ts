import t from 'tap'
import { packAny } from '../../core/xds/any.ts'
import { HttpConnectionManager, Listener, Router } from '../../core/xds/generated/envoy.js'
import { PATHS_AS_THEY_COME, SAFE_PATHS, type PathRules } from '../model/path-rules.ts'
import { decodeResource } from './decode.ts'

/** The rules of a listener whose connection manager holds these fields, or what is wrong with it. */
function rulesOf(
  fields: Partial<HttpConnectionManager>,
  weft?: Record<string, string>,
): PathRules | readonly string[] {
  const manager = packAny(HttpConnectionManager, {
    statPrefix: 'l',
    routeConfig: { name: 'r', virtualHosts: [] },
    httpFilters: [{ name: 'router', typedConfig: packAny(Router, {}) }],
    ...fields,
  })
  const result = decodeResource(
    'listener',
    packAny(Listener, {
      name: 'l',
      address: { socketAddress: { address: '127.0.0.1', portValue: 80 } },
      filterChains: [{ filters: [{ name: 'http', typedConfig: manager }] }],
      ...(weft ? { metadata: { filterMetadata: { 'weft.dev': weft } } } : {}),
    }),
  )
  if (!result.ok) return result.problems
  const network = result.value.filterChains[0]?.network
  return network?.kind === 'http' ? network.paths : []
}

t.test('what nobody says is safe; off is off', async (t) => {
  t.same(rulesOf({}), SAFE_PATHS)
  t.same(rulesOf({ normalizePath: true, mergeSlashes: true }), SAFE_PATHS)
  t.same(rulesOf({ normalizePath: false }), PATHS_AS_THEY_COME)
})

t.test('merge_slashes counts where somebody speaks of normalization', async (t) => {
  t.same(rulesOf({ normalizePath: true }), { ...SAFE_PATHS, mergeSlashes: false })
  t.same(rulesOf({ mergeSlashes: true }), SAFE_PATHS)
  t.same(rulesOf({ normalizePath: false, mergeSlashes: true }), { ...PATHS_AS_THEY_COME, mergeSlashes: true })
})

t.test('every action for escaped slashes, with and without normalization', async (t) => {
  for (const [pathWithEscapedSlashesAction, escapedSlashes] of [
    ['KEEP_UNCHANGED', 'keep'],
    ['REJECT_REQUEST', 'reject'],
    ['UNESCAPE_AND_REDIRECT', 'unescape-redirect'],
    ['UNESCAPE_AND_FORWARD', 'unescape-forward'],
  ] as const) {
    t.same(rulesOf({ pathWithEscapedSlashesAction }), { ...SAFE_PATHS, escapedSlashes })
    t.same(rulesOf({ pathWithEscapedSlashesAction, normalizePath: false }), {
      ...PATHS_AS_THEY_COME,
      escapedSlashes,
    })
  }
})

t.test('parameters are told in the metadata of the listener', async (t) => {
  for (const pathParameters of ['keep', 'guard', 'reject'] as const) {
    t.same(rulesOf({}, { pathParameters }), { ...SAFE_PATHS, parameters: pathParameters })
    t.same(rulesOf({ normalizePath: false }, { pathParameters }), {
      ...PATHS_AS_THEY_COME,
      parameters: pathParameters,
    })
  }
})

t.test('a word or a key that is not known is refused by its name', async (t) => {
  t.match(rulesOf({}, { pathParameters: 'strip' }), [
    /^metadata\.filter_metadata\[weft\.dev\]\.pathParameters: must be one of keep, guard, reject$/,
  ])
  t.match(rulesOf({}, { denyPaths: '/admin' }), [
    /^metadata\.filter_metadata\[weft\.dev\]\.denyPaths: is not supported/,
  ])
})
