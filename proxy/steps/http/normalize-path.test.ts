import t from 'tap'
import { SAFE_PATHS } from '../../model/path-rules.ts'
import { headOf, HOP } from '../testing/requests.ts'
import { NormalizePathStep } from './normalize-path.ts'

t.test('the path that is decided on is the path that is sent', async (t) => {
  const head = headOf('/a/./b/..//c?x=/../')
  t.equal(new NormalizePathStep(SAFE_PATHS).decide(HOP, head), undefined)
  t.equal(head.path, '/a/c?x=/../')
})

t.test('a path that climbs is 400 and INTERNAL to gRPC, with its reason and without the path', async (t) => {
  const head = headOf('/../secret')
  const verdict = new NormalizePathStep(SAFE_PATHS).decide(HOP, head)
  t.match(verdict, {
    kind: 'answer',
    flags: 0,
    reply: { status: 400, grpcStatus: 13, details: 'path_normalization_failed{path_above_root}' },
  })
  t.notMatch(JSON.stringify(verdict), 'secret')
})

t.test('a redirect names the path', async (t) => {
  const rules = { ...SAFE_PATHS, escapedSlashes: 'unescape-redirect' as const }
  t.match(new NormalizePathStep(rules).decide(HOP, headOf('/a%2Fb?c')), {
    reply: { status: 307, fields: ['location', '/a/b?c'] },
  })
})
