import fc from 'fast-check'
import t from 'tap'
import { compile } from './evaluate.ts'
import type { ConnectionFacts, RequestFacts } from './facts.ts'
import { explain } from './nearest.ts'
import type { Action, Matcher, Rule, RuleSet, TextMatch } from './rules.ts'

const text = (type: TextMatch['type'], value: string): TextMatch => ({ type, value, ignoreCase: false })
const exact = (value: string): TextMatch => text('exact', value)
const identity = (value: string): Matcher => ({
  kind: 'identity',
  match: value.endsWith('*') ? text('prefix', value.slice(0, -1)) : exact(value),
})
const method = (value: string): Matcher => ({ kind: 'method', match: exact(value) })
const path = (value: string): Matcher => ({ kind: 'path', match: exact(value) })
const all = (...of: readonly Matcher[]): Matcher => ({ kind: 'and', of })
const any = (...of: readonly Matcher[]): Matcher => ({ kind: 'or', of })
const not = (of: Matcher): Matcher => ({ kind: 'not', of })
const rule = (name: string, principal: Matcher, permission: Matcher): Rule => ({
  name,
  principals: [principal],
  permissions: [permission],
})
const stage = (action: Action, ...enforced: readonly Rule[]) => ({ action, enforced, shadow: undefined })

const WEB = 'spiffe://cluster.local/ns/shop/sa/web'
const request = (over: Partial<RequestFacts> = {}): RequestFacts => ({
  identity: WEB,
  sourceAddress: '10.0.0.7',
  destinationAddress: '10.0.0.9',
  destinationPort: 8080,
  sni: '',
  method: 'POST',
  authority: 'pay',
  path: '/charge?x=1',
  values: () => [],
  claims: undefined,
  ...over,
})

t.test('of a refusal the rule with the fewest unmet conditions is told, and what they are', (t) => {
  const rules: RuleSet = [
    stage(
      'ALLOW',
      rule('pay/far/0', identity('spiffe://cluster.local/ns/ops/*'), all(method('GET'), path('/health'))),
      rule('pay/near/0', identity(WEB), all(any(method('GET'), method('HEAD')), path('/charge'))),
    ),
  ]
  t.match(explain(rules, request()), {
    verdict: 'refused',
    denies: [],
    allows: undefined,
    nearest: {
      rule: 'pay/near/0',
      unmet: ['method is POST, the rule asks for GET or HEAD'],
      met: [`caller is ${WEB}`, 'path is /charge'],
    },
  })
  t.match(explain(rules, request({ identity: '' })).nearest?.unmet, [
    /^the caller shows no identity \(plaintext\), the rule asks for spiffe:.*\/web$/,
    /^method is POST/,
  ])
  t.match(explain(rules, request({ method: 'HEAD' })), { verdict: 'allowed', allows: { rule: 'pay/near/0' } })
  t.end()
})

t.test('each kind of condition is said in words', (t) => {
  const facts = request({
    sni: 'db',
    values: (name) => (name === 'x-tenant' ? ['a', 'b'] : []),
    claims: { groups: ['dev'], realm: { id: 'x' } },
  })
  const nothing = request()
  const wanted: readonly (readonly [Matcher, RequestFacts | ConnectionFacts, string])[] = [
    [identity('spiffe://a/ns/b/*'), facts, `caller is ${WEB}, the rule asks for spiffe://a/ns/b/*`],
    [
      { kind: 'identity', match: undefined },
      request({ identity: '' }),
      'the caller shows no identity (plaintext), the rule asks for any',
    ],
    [
      { kind: 'source-ip', prefix: '10.1.0.0', bits: 16 },
      facts,
      'source address is 10.0.0.7, the rule asks for 10.1.0.0/16',
    ],
    [
      { kind: 'source-ip', prefix: '2001:db8::1', bits: 128 },
      facts,
      'source address is 10.0.0.7, the rule asks for 2001:db8::1',
    ],
    [
      { kind: 'destination-ip', prefix: '10.0.0.8', bits: 32 },
      facts,
      'destination address is 10.0.0.9, the rule asks for 10.0.0.8',
    ],
    [{ kind: 'port', start: 80, end: 81 }, facts, 'port is 8080, the rule asks for 80'],
    [{ kind: 'port', start: 80, end: 91 }, facts, 'port is 8080, the rule asks for 80-90'],
    [{ kind: 'sni', match: text('suffix', '.x') }, facts, 'server name is db, the rule asks for *.x'],
    [{ kind: 'sni', match: exact('x') }, nothing, 'there is no server name, the rule asks for x'],
    [{ kind: 'host', match: exact('x') }, facts, 'host is pay, the rule asks for x'],
    [{ kind: 'path', match: text('contains', '/x') }, facts, 'path is /charge, the rule asks for */x*'],
    [
      { kind: 'path', match: text('regex', '/x.*') },
      facts,
      'path is /charge, the rule asks for what /x.* matches',
    ],
    [{ kind: 'path-template', template: '/x/{*}' }, facts, 'path is /charge, the rule asks for /x/{*}'],
    [
      any(path('/a'), { kind: 'path-template', template: '/x/{*}' }),
      facts,
      'path is /charge, the rule asks for /a or /x/{*}',
    ],
    [
      { kind: 'header', name: 'x-tenant', match: exact('c') },
      facts,
      'header x-tenant is "a", "b", the rule asks for c',
    ],
    [
      { kind: 'header', name: 'x-other', match: undefined },
      facts,
      'header x-other is not there, the rule asks for any',
    ],
    [
      { kind: 'claim', path: ['groups'], match: exact('admin'), inList: true },
      facts,
      'claim groups is ["dev"], the rule asks for admin',
    ],
    [
      { kind: 'claim', path: ['realm', 'id'], match: exact('y'), inList: false },
      facts,
      'claim realm.id is "x", the rule asks for y',
    ],
    [
      { kind: 'claim', path: ['realm', 'no'], match: exact('y'), inList: false },
      facts,
      'claim realm.no is not there, the rule asks for y',
    ],
    [
      { kind: 'claim', path: ['sub'], match: exact('y'), inList: false },
      nothing,
      'there is no verified token, the rule asks for y',
    ],
    [not(method('POST')), facts, 'method is POST, the rule excepts POST'],
    [not(any(method('GET'), method('POST'))), facts, 'method is POST, the rule excepts POST'],
    [not(all(method('POST'), path('/charge'))), facts, 'method is POST, the rule excepts POST'],
    [
      any(...'abcdefg'.split('').map(method)),
      facts,
      'method is POST, the rule asks for a, b, c, d, e or 2 others',
    ],
  ]
  for (const [permission, of, sentence] of wanted) {
    const { nearest, verdict } = explain([stage('ALLOW', rule('x/y/0', { kind: 'any' }, permission))], of)
    t.strictSame([verdict, nearest?.unmet], ['refused', [sentence]], sentence)
  }
  const connection: ConnectionFacts = {
    identity: WEB,
    sourceAddress: '',
    destinationAddress: '',
    destinationPort: 1,
    sni: '',
  }
  t.match(
    explain([stage('ALLOW', rule('x/y/0', { kind: 'any' }, method('GET')))], connection).nearest?.unmet,
    ['it is a connection whose requests nobody sees, the rule asks for GET'],
  )
  t.end()
})

t.test('all DENY rules that match are told, as each refuses by itself', (t) => {
  const rules: RuleSet = [
    stage(
      'DENY',
      rule('pay/a/0', { kind: 'any' }, { kind: 'path', match: text('prefix', '/ch') }),
      rule('pay/b/0', not(identity('spiffe://cluster.local/ns/pay/*')), { kind: 'any' }),
      rule('pay/c/0', { kind: 'any' }, path('/other')),
    ),
    stage('ALLOW', rule('pay/d/0', identity(WEB), { kind: 'any' })),
  ]
  t.match(explain(rules, request()), {
    verdict: 'refused',
    denies: [
      { rule: 'pay/a/0', met: ['path is /charge, as in /ch*'] },
      { rule: 'pay/b/0', met: [`caller is ${WEB}, which is not spiffe://cluster.local/ns/pay/*`] },
    ],
    allows: { rule: 'pay/d/0' },
    nearest: undefined,
  })
  t.end()
})

t.test('an ALLOW stage without rules has no nearest one; one that nothing meets is none', (t) => {
  t.match(explain([stage('ALLOW')], request()), { verdict: 'refused', nearest: undefined })
  const never = rule('x/never/0', not({ kind: 'any' }), { kind: 'any' })
  t.match(explain([stage('ALLOW', never)], request()), { verdict: 'refused', nearest: undefined })
  t.match(explain([], request()), { verdict: 'allowed', allows: undefined })
  t.match(
    explain([stage('AUDIT', rule('x/y/0', { kind: 'any' }, { kind: 'any' }))], request()).verdict,
    'allowed',
  )
  t.end()
})

t.test('the exception of a pod that reaches itself is not what anybody is told to become', (t) => {
  const self = rule(
    'pay/p/self',
    all(identity('spiffe://x/pay'), { kind: 'source-ip', prefix: '10.0.0.9', bits: 32 }),
    { kind: 'any' },
  )
  const far = rule('pay/p/0', identity('spiffe://x/web'), all(method('GET'), path('/a')))
  t.match(explain([stage('ALLOW', self, far)], request()).nearest, { rule: 'pay/p/0', unmet: { length: 3 } })
  const own = all(any(identity('spiffe://x/pay')), any({ kind: 'source-ip', prefix: '10.0.0.9', bits: 32 }))
  const deny = rule('pay/p/0', all({ kind: 'any' }, not(own)), path('/charge'))
  t.strictSame(explain([stage('DENY', deny)], request()).denies[0]?.met, ['path is /charge'])
  t.match(explain([stage('ALLOW', self)], request()), { verdict: 'refused', nearest: undefined })
  t.end()
})

t.test('what nobody knows is said to be so, and decides nothing', (t) => {
  const unknown = new Set(['header'] as const)
  const header: Matcher = { kind: 'header', name: 'x-tenant', match: exact('a') }
  const allow: RuleSet = [stage('ALLOW', rule('pay/p/0', identity(WEB), header))]
  t.match(explain(allow, request(), { unknown }), {
    verdict: 'unknown',
    allows: undefined,
    nearest: { rule: 'pay/p/0', unmet: [], unknown: ['header x-tenant is not known; the rule asks for a'] },
  })
  const deny: RuleSet = [stage('DENY', rule('pay/p/0', { kind: 'any' }, not(header)))]
  t.match(explain(deny, request(), { unknown }), {
    verdict: 'unknown',
    denies: [{ rule: 'pay/p/0', unknown: ['header x-tenant is not known; the rule excepts a'] }],
  })
  t.strictSame(explain(deny, request(), { unknown }).dependsOn, [
    'header x-tenant is not known; the rule excepts a',
  ])
  t.strictSame(explain(allow, request({ identity: '' }), { unknown }).verdict, 'refused')
  t.end()
})

t.test("what can't be told counts as there, and is said to be so", (t) => {
  const bytes = request({ method: 'P\xff' })
  const deny = rule('pay/p/0', { kind: 'any' }, method('POST'))
  t.strictSame(explain([stage('DENY', deny)], bytes).denies[0]?.met, [
    'method is P\xff, which may be read as POST',
  ])
  const allow = rule('pay/p/0', { kind: 'any' }, not(method('POST')))
  t.match(explain([stage('ALLOW', allow)], bytes).nearest, {
    unmet: ['method is P\xff, the rule excepts POST, as which it may be read'],
  })
  t.end()
})

t.test('a dry run is explained as it would be', (t) => {
  const rules: RuleSet = [
    { action: 'ALLOW', enforced: undefined, shadow: [rule('pay/p/0', identity('x'), { kind: 'any' })] },
  ]
  t.equal(explain(rules, request()).verdict, 'allowed')
  t.match(explain(rules, request(), { shadow: true }), { verdict: 'refused', nearest: { rule: 'pay/p/0' } })
  t.end()
})

const TEXTS = ['', 'a', 'ab', 'b', '\xff']
const textMatch = fc.record({
  type: fc.constantFrom('exact' as const, 'prefix' as const, 'suffix' as const),
  value: fc.constantFrom(...TEXTS.slice(0, 4)),
  ignoreCase: fc.boolean(),
})
const leaf: fc.Arbitrary<Matcher> = fc.oneof(
  fc.constant<Matcher>({ kind: 'any' }),
  textMatch.map((match): Matcher => ({ kind: 'identity', match })),
  textMatch.map((match): Matcher => ({ kind: 'method', match })),
  textMatch.map((match): Matcher => ({ kind: 'path', match })),
  textMatch.map((match): Matcher => ({ kind: 'header', name: 'h', match })),
)
const { matcher } = fc.letrec<{ matcher: Matcher }>((tie) => ({
  matcher: fc.oneof(
    { maxDepth: 3 },
    leaf,
    fc.array(tie('matcher'), { maxLength: 3 }).map((of) => all(...of)),
    fc.array(tie('matcher'), { maxLength: 3 }).map((of) => any(...of)),
    tie('matcher').map(not),
  ),
}))
const someRules = fc.array(
  fc
    .record({ name: fc.constantFrom('n/p/0', 'n/p/1', 'n/a/0'), principal: matcher, permission: matcher })
    .map(({ name, principal, permission }) => rule(name, principal, permission)),
  { maxLength: 3 },
)
const ruleSet = fc
  .record({
    deny: someRules,
    allow: fc.option(someRules, { nil: undefined }),
    shadow: fc.option(someRules, { nil: undefined }),
  })
  .map(({ deny, allow, shadow }): RuleSet => [
    stage('DENY', ...deny),
    { action: 'ALLOW', enforced: allow, shadow },
  ])
const someFacts = fc.record({
  identity: fc.constantFrom(...TEXTS.slice(0, 4)),
  method: fc.constantFrom(...TEXTS),
  path: fc.constantFrom(...TEXTS),
  header: fc.array(fc.constantFrom(...TEXTS), { maxLength: 2 }),
})

t.test('what is explained is what is decided', (t) => {
  fc.assert(
    fc.property(ruleSet, someFacts, fc.boolean(), (rules, { header, ...more }, connection) => {
      const {
        method: _,
        path: __,
        values: ___,
        authority: ____,
        claims: _____,
        ...lower
      } = request({ ...more, values: () => header })
      const facts = connection ? lower : request({ ...more, values: () => header })
      const decision = connection
        ? compile(rules, 'connection').decide(facts)
        : compile(rules, 'request').decide(facts as RequestFacts)
      const { verdict, denies, allows } = explain(rules, facts)
      const shadow = explain(rules, facts, { shadow: true }).verdict === 'allowed'
      return (
        decision.allowed === (verdict === 'allowed') &&
        (decision.action === 'DENY') === denies.length > 0 &&
        (decision.action !== 'DENY' || decision.rule === denies[0]?.rule) &&
        (decision.action !== 'ALLOW' || decision.rule === (allows?.rule ?? '')) &&
        (decision.shadow?.allowed ?? shadow) === shadow
      )
    }),
    { numRuns: 3000 },
  )
  t.end()
})
