import t from 'tap'
import { chosenOf, parsePartOptions, parseSuiteOptions } from './suite-options.ts'

const KNOWN = ['flagger', 'argo-rollouts']

t.test('flags', async (t) => {
  t.strictSame({ ...parseSuiteOptions([]) }, { check: false, json: false, help: false })
  t.strictSame({ ...parseSuiteOptions(['--check', '--json']) }, { check: true, json: true, help: false })
  t.throws(() => parseSuiteOptions(['--all']), { code: 'cli.flags' })
  t.throws(() => parseSuiteOptions(['flagger']), { code: 'cli.flags' })
})

t.test('parts: none means all, each counts once, in the order in which they are known', async (t) => {
  t.strictSame(parsePartOptions([], 'controller', KNOWN).chosen, KNOWN)
  t.match(parsePartOptions(['flagger', 'flagger', '--json'], 'controller', KNOWN), {
    chosen: ['flagger'],
    json: true,
    check: false,
  })
  t.strictSame(chosenOf(['argo-rollouts', 'flagger'], 'controller', KNOWN), KNOWN)
  t.throws(() => parsePartOptions(['argo'], 'controller', KNOWN), {
    code: 'cli.flags',
    message: /no controller "argo"; there are flagger, argo-rollouts/,
  })
  t.throws(() => parsePartOptions(['--all'], 'controller', KNOWN), { code: 'cli.flags' })
})
