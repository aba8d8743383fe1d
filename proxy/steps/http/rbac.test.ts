import t from 'tap'
import type { Action, Matcher, Rule, Stage, TextMatch } from '../../../core/authorization/rules.ts'
import { MemoryExchange, NOTHING_LEFT, type Sending } from '../../exchange/testing/memory-exchange.ts'
import { noTelemetry } from '../../exchange/telemetry-sink.ts'
import { setVerifiedToken } from '../../exchange/verified-token.ts'
import { NO_MUTATION } from '../../model/route.ts'
import { forwardTo } from '../../testing/static-configuration.ts'
import { NO_STEPS, type RequestSteps } from '../request-steps.ts'
import type { RequestStep, WaitingRequest } from '../step.ts'
import { HttpRbacStep } from './rbac.ts'

const REFERENCE = '4'.repeat(32)
const ANY: Matcher = { kind: 'any' }
const exact = (value: string): TextMatch => ({ type: 'exact', value, ignoreCase: false })
const rule = (name: string, permission: Matcher, principal: Matcher = ANY): Rule => ({
  name,
  permissions: [permission],
  principals: [principal],
})
const stage = (action: Action, ...enforced: Rule[]): Stage => ({ action, enforced, shadow: undefined })
const dryRun = (action: Action, ...shadow: Rule[]): Stage => ({ action, enforced: undefined, shadow })
const method = (name: string): Matcher => ({ kind: 'method', match: exact(name) })
const path = (value: string): Matcher => ({
  kind: 'path',
  match: { type: 'prefix', value, ignoreCase: false },
})

function steps(...stages: Stage[]): RequestSteps {
  const telemetry = { ...noTelemetry, reference: () => REFERENCE }
  const authorizers = stages.map((one) => new HttpRbacStep({ stage: one, audit: 'None' }, { telemetry }))
  return withSteps(authorizers, authorizers)
}

function withSteps(all: readonly RequestStep[], authorizers: readonly RequestStep[]): RequestSteps {
  const authorizeByFields = authorizers.some(({ authorizes }) => authorizes?.byFields)
  const headFields = new Set(all.flatMap((step) => [...(step.headFields ?? [])]))
  return { ...NO_STEPS, steps: all, authorizers, authorizeByFields, headFields }
}

function start(...stages: Stage[]) {
  const mesh = new MemoryExchange(forwardTo({ app: 1 }, { upgrades: ['websocket'] }))
  mesh.upstream.configuration.setCluster('app', [1])
  mesh.hop = { ...mesh.hop, direction: 'inbound', sourceIdentity: 'spiffe://a/ns/shop/sa/web' }
  mesh.steps = steps(...stages)
  return { mesh, server: mesh.upstream.server(1) }
}

const GRPC: Sending = { method: 'POST', fields: ['content-type', 'application/grpc'] }
const DENIED_NOW = stage('DENY', rule('shop/late/0', ANY))

t.test('a refusal tells its caller a reference and nothing of the policy', async (t) => {
  const { mesh } = start(stage('DENY', rule('shop/admin/0', path('/admin'))), stage('ALLOW'))
  const admin = mesh.send({ path: '/admin/x' })
  t.equal(admin.status, 403)
  t.equal(admin.body, `access denied, reference ${REFERENCE}\n`)
  t.notMatch(JSON.stringify(admin.answer), /shop/)
  t.match(admin.answer?.fields.join(), /rbac_access_denied_matched_policy"/)
  mesh.hop = { ...mesh.hop, http2: true }
  const call = mesh.send(GRPC)
  t.equal(call.status, 200)
  t.match(call.answer?.fields.join(), /grpc-status,7,grpc-message,access denied, reference 4{32},/)
  t.same(mesh.told, [
    'UAEX rbac_access_denied_matched_policy[shop/admin/0]',
    'UAEX rbac_access_denied_matched_policy[none]',
  ])
  t.match(mesh.records, [
    { policy: 'shop/admin/0', decision: 'denied', reference: REFERENCE, status: 403 },
    { policy: 'none', decision: 'denied', reference: REFERENCE, grpcStatus: 7 },
  ])
  t.same(mesh.leftovers, NOTHING_LEFT)
})

t.test('what is let pass is told with its rule, and what nothing decides on without', async (t) => {
  const { mesh, server } = start(stage('ALLOW', rule('shop/get/0', method('GET'))))
  const pass = (): void => {
    const caller = mesh.send()
    mesh.clock.advance(0)
    server.stream.respond(200)
    t.equal(caller.status, 200)
  }
  pass()
  mesh.steps = steps(stage('DENY', rule('shop/post/0', method('POST'))))
  pass()
  t.match(mesh.records, [
    { policy: 'shop/get/0', decision: 'allowed', reference: '', logged: false },
    { policy: '', decision: '', reference: '' },
  ])
})

t.test('a dry run lets pass what it would refuse, and both that and AUDIT are told', async (t) => {
  const { mesh } = start(
    stage('AUDIT', rule('shop/log/0', ANY)),
    dryRun('DENY', rule('shop/try/0', method('DELETE'))),
    stage('ALLOW', rule('shop/all/0', ANY)),
  )
  mesh.send({ method: 'DELETE' }).leave()
  mesh.send().leave()
  mesh.steps = steps(dryRun('ALLOW'))
  mesh.send().leave()
  t.match(mesh.records, [
    { policy: 'shop/try/0', decision: 'dry-run-denied', reference: REFERENCE, logged: true },
    { policy: 'shop/log/0', decision: 'audited', reference: '', logged: true },
    { policy: 'none', decision: 'dry-run-denied', logged: false },
  ])
})

t.test('who calls, where to, and what a token claims', async (t) => {
  const { mesh } = start(
    stage(
      'ALLOW',
      rule('n/identity/0', method('A'), { kind: 'identity', match: exact('spiffe://a/ns/shop/sa/web') }),
      rule('n/source/0', method('B'), { kind: 'source-ip', prefix: '10.0.0.9', bits: 32 }),
      rule('n/port/0', { kind: 'and', of: [method('C'), { kind: 'port', start: 80, end: 81 }] }),
      rule('n/address/0', {
        kind: 'and',
        of: [method('D'), { kind: 'destination-ip', prefix: '10.0.0.9', bits: 32 }],
      }),
      rule('n/sni/0', { kind: 'and', of: [method('E'), { kind: 'sni', match: exact('db') }] }),
      rule('n/claim/0', {
        kind: 'and',
        of: [method('F'), { kind: 'claim', path: ['sub'], match: exact('u'), inList: false }],
      }),
      rule('n/field/0', {
        kind: 'and',
        of: [method('G'), { kind: 'header', name: 'x-a', match: exact('2') }],
      }),
    ),
  )
  mesh.hop = { ...mesh.hop, serverName: 'db', downstream: '10.0.0.9:40000' }
  const verified: RequestStep = {
    decide(_hop, head) {
      if (head.method === 'F')
        setVerifiedToken(head, { issuer: '', subject: 'u', audiences: [], claims: { sub: 'u' } })
      return undefined
    },
  }
  mesh.steps = withSteps([verified, ...mesh.steps.steps], mesh.steps.authorizers)
  for (const name of 'ABCDEFG') mesh.send({ method: name, fields: ['x-a', '1', 'x-a', '2'] }).leave()
  t.same(
    mesh.records.map(({ policy }) => policy),
    ['n/identity/0', 'n/source/0', 'n/port/0', 'n/address/0', 'none', 'n/claim/0', 'n/field/0'],
  )
})

t.test('paths are decided on in order, and connections that show something else apart', async (t) => {
  const { mesh } = start(
    stage('DENY', rule('n/admin/0', path('/admin'), { kind: 'identity', match: undefined })),
  )
  const secret = mesh.hop
  const plain = { ...mesh.hop, sourceIdentity: '' }
  for (const [hop, denied] of [
    [secret, true],
    [plain, false],
    [secret, true],
    [plain, false],
  ] as const) {
    mesh.hop = hop
    const caller = mesh.send({ path: '/admin?x' })
    t.equal(caller.status === 403, denied)
    caller.leave()
  }
})

t.test('a request that waits is decided on by what holds when it goes on', async (t) => {
  for (const waits of ['a step', 'routes', 'its cluster'] as const) {
    const { mesh } = start(stage('ALLOW', rule('n/all/0', ANY)))
    const { steps: own, authorizers } = mesh.steps
    let waiting: WaitingRequest | undefined
    const wait: RequestStep = {
      decide: () => ({
        kind: 'wait',
        flags: 0,
        begin(request) {
          waiting = request
          return () => {}
        },
      }),
    }
    if (waits === 'a step') mesh.steps = withSteps([...own, wait], authorizers)
    if (waits === 'routes') mesh.routes.set(undefined)
    if (waits === 'its cluster') mesh.setRoutes([forwardTo({ unknown: 1 })])
    const caller = mesh.send({ method: 'POST', open: true })
    caller.say('body')
    mesh.clock.advance(10)
    t.equal(caller.answer, undefined, waits)
    mesh.steps = steps(DENIED_NOW)
    for (const one of [...mesh.running]) one.reauthorize()
    waiting?.resume(undefined)
    if (waits === 'routes') mesh.setRoutes([forwardTo({ app: 1 })])
    t.equal(caller.status, 403, waits)
    t.match(mesh.records, [{ policy: 'shop/late/0', decision: 'denied', attempts: 0 }])
    t.same(mesh.leftovers, NOTHING_LEFT)
  }
})

t.test('a request that runs is ended where others refuse it, in the form of its answer', async (t) => {
  const kinds: readonly (readonly [Sending, boolean, number])[] = [
    [{ method: 'POST', open: true }, false, 200],
    [{ ...GRPC, open: true }, true, 200],
    [{ upgrade: 'websocket' }, false, 101],
  ]
  for (const [sending, http2, status] of kinds) {
    const { mesh, server } = start(stage('ALLOW', rule('n/all/0', ANY)))
    mesh.hop = { ...mesh.hop, http2 }
    const caller = mesh.send(sending)
    mesh.clock.advance(0)
    const { stream } = server
    stream.sendHead(status, http2 ? ['content-type', 'application/grpc'] : [])
    t.equal(caller.status, status)
    for (const one of [...mesh.running]) one.reauthorize()
    t.equal(caller.resetBy, undefined, 'nothing has changed')
    mesh.steps = steps(stage('ALLOW', rule('n/all/0', ANY)), stage('DENY', rule('n/other/0', method('PUT'))))
    for (const one of [...mesh.running]) one.reauthorize()
    t.equal(mesh.running.size, 1, 'others let it pass, too')
    mesh.steps = steps(DENIED_NOW)
    for (const one of [...mesh.running]) one.reauthorize()
    if (http2) t.match(caller.trailers?.join(), /^grpc-status,7,grpc-message,access denied, reference 4/)
    else t.equal(caller.resetBy, 'cancel')
    t.equal(stream.resetBy, 'cancel')
    t.same(mesh.told, ['LR,UAEX rbac_access_denied_matched_policy[shop/late/0]'])
    t.match(mesh.records, [{ policy: 'shop/late/0', decision: 'denied' }])
    t.same(mesh.leftovers, NOTHING_LEFT)
  }
})

t.test('what runs is asked about as it was decided on, whatever its route made of it', async (t) => {
  const rewrite = { path: { kind: 'prefix', value: '/inner' }, authority: 'inner' } as const
  const mesh = new MemoryExchange({
    ...forwardTo({ app: 1 }, { rewrite }),
    requestHeaders: { ...NO_MUTATION, set: [['x-a', 'inner']] },
  })
  mesh.upstream.configuration.setCluster('app', [1])
  const seen = (value: string): Matcher => ({
    kind: 'and',
    of: [
      path('/outer'),
      { kind: 'host', match: exact('shop') },
      { kind: 'header', name: 'x-a', match: exact(value) },
    ],
  })
  mesh.steps = steps(stage('ALLOW', rule('n/before/0', seen('outer'))))
  mesh.send({ path: '/outer', fields: ['x-a', 'outer'] })
  mesh.clock.advance(0)
  mesh.steps = steps(stage('ALLOW', rule('n/after/0', seen('outer'))))
  for (const one of [...mesh.running]) one.reauthorize()
  t.equal(mesh.running.size, 1)
})

t.test('a field that rules ask for does not come behind them, in trailers', (t) => {
  const role: Matcher = { kind: 'header', name: 'x-role', match: exact('admin') }
  const { mesh, server } = start(
    stage(
      'DENY',
      rule('shop/role/0', { kind: 'or', of: [{ kind: 'not', of: { kind: 'not', of: role } }, role] }),
    ),
  )
  const caller = mesh.send({ method: 'POST', open: true })
  mesh.clock.advance(0)
  caller.finish(['x-role', 'admin', 'X_Role', 'admin', 'x-sum', '1'])
  t.strictSame(server.stream.trailers, ['x-sum', '1'])
  t.end()
})
