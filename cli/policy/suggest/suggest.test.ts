import t from 'tap'
import fc from 'fast-check'
import { compile } from '../../../core/authorization/evaluate.ts'
import { coversPath } from '../../../core/observed-calls.ts'
import { rulesFor } from '../../../control-plane/model/authorization.ts'
import { parseManifests } from '../../../control-plane/registry/parse-manifests.ts'
import { applyChanges, EMPTY_SNAPSHOT } from '../../../control-plane/registry/snapshot.ts'
import type {
  CallRow,
  ObservedView,
  ObservedWorkload,
} from '../../../control-plane/serve/telemetry/observed-view.ts'
import { Translator } from '../../../control-plane/translate/translate.ts'
import { meshPolicy, payObjects } from '../testing/pay-pod.ts'
import { togetherObserved } from '../../../control-plane/serve/answers/merge-observed.ts'
import { suggestPolicies, type SuggestOptions } from './suggest.ts'
import { suggestionsJson, suggestionsText } from './suggestion-text.ts'

const START = Date.UTC(2026, 0, 1)
const HOUR = 3_600_000
const NOW = START + 24 * HOUR
const IN_PAYMENTS = { namespace: 'payments' }

function identity(account: string): string {
  return `spiffe://cluster.local/ns/${account.replace('/', '/sa/')}`
}

function row(call: Partial<CallRow> = {}): CallRow {
  const made = {
    source: identity('shop/web'),
    address: '',
    caller: '',
    port: 8080,
    protocol: 'http' as const,
    method: 'GET',
    path: '/items',
    outcome: 'served' as const,
    count: 5000,
    first: START,
    last: NOW,
    ...call,
  }
  return { ...made, pods: call.pods ?? { 'pay-1': made.count } }
}

function workload(calls: readonly CallRow[], more: Partial<ObservedWorkload> = {}): ObservedWorkload {
  return {
    namespace: 'payments',
    name: 'pay',
    pods: [
      {
        name: 'pay-1',
        identity: identity('payments/pay'),
        labels: { app: 'pay', 'pod-template-hash': 'abc' },
        services: ['pay.payments'],
      },
    ],
    watched: [{ pod: 'pay-1', since: START, reported: NOW, restarts: 0, others: 0 }],
    ports: [{ port: 8080, protocol: 'http' }],
    calls,
    ...more,
  }
}

function view(workloads: readonly ObservedWorkload[], more: Partial<ObservedView> = {}): ObservedView {
  return { now: NOW, since: START, evicted: 0, workloads, withoutSidecar: [], ...more }
}

function rules(calls: readonly CallRow[]): unknown {
  return suggestPolicies(view([workload(calls)]), IN_PAYMENTS)[0]?.policies[0]?.spec.rules
}

function from(...accounts: string[]): object {
  return { source: { principals: accounts.map(identity) } }
}

t.test('rules by what was seen', async (t) => {
  t.same(
    rules([
      row(),
      row({ method: 'POST' }),
      row({ path: '/users/{*}' }),
      row({ path: '/users/{*}', method: 'POST' }),
    ]),
    [
      {
        from: [from('shop/web')],
        to: [{ operation: { ports: [8080], methods: ['GET', 'POST'], paths: ['/items', '/users/{*}'] } }],
      },
    ],
    'paths that the same methods ask for are one operation',
  )
  t.same(
    rules([
      row(),
      row({ source: identity('shop/job') }),
      row({ source: identity('ops/backup'), path: '/dump' }),
    ]),
    [
      {
        from: [from('ops/backup')],
        to: [{ operation: { ports: [8080], methods: ['GET'], paths: ['/dump'] } }],
      },
      {
        from: [from('shop/job', 'shop/web')],
        to: [{ operation: { ports: [8080], methods: ['GET'], paths: ['/items'] } }],
      },
    ],
    'callers that ask the same are one rule',
  )
  const grpc = { protocol: 'grpc' as const, method: 'POST', port: 9000 }
  t.same(
    rules([
      row({ ...grpc, path: '/shop.v1.Catalog/GetItem' }),
      row({ ...grpc, path: '/shop.v1.Catalog/List' }),
      row({ ...grpc, protocol: 'http', path: '/shop.v1.Catalog/List' }),
      row({ protocol: 'tcp', method: '', path: '', port: 5432 }),
      row({ port: 7000 }),
      row({ port: 7000, protocol: 'tcp', method: '', path: '' }),
      row({ method: 'CONNECT', path: '' }),
    ]),
    [
      {
        from: [from('shop/web')],
        to: [{ operation: { ports: [5432] } }, { operation: { ports: [7000] } }],
      },
      {
        from: [from('shop/web')],
        to: [
          { operation: { ports: [8080], methods: ['CONNECT'] } },
          {
            operation: {
              ports: [9000],
              grpc: [
                { service: 'shop.v1.Catalog', method: 'GetItem' },
                { service: 'shop.v1.Catalog', method: 'List' },
              ],
            },
          },
        ],
      },
    ],
    'gRPC, opaque connections, and a port that carries both',
  )
  t.same(
    rules([
      row({ path: '/fruit/{*}' }),
      row({ path: '/fruit/apple' }),
      row({ path: '/fruit/apple', source: identity('shop/job') }),
    ]),
    [
      {
        from: [from('shop/job')],
        to: [{ operation: { ports: [8080], methods: ['GET'], paths: ['/fruit/apple'] } }],
      },
      {
        from: [from('shop/web')],
        to: [{ operation: { ports: [8080], methods: ['GET'], paths: ['/fruit/{*}'] } }],
      },
    ],
    "a caller's own template, and not another's",
  )
})

t.test('what is not allowed, and said', async (t) => {
  const [one] = suggestPolicies(
    view(
      [
        workload([
          row(),
          row({ outcome: 'unanswered', path: '', count: 3 }),
          row({ outcome: 'refused', path: '/admin', source: identity('shop/intruder'), count: 2 }),
          row({ source: '', address: '10.0.0.7', caller: 'old-1.legacy', count: 7 }),
          row({ path: '/a//b', count: 1 }),
          row({ path: '/a/../b', count: 1 }),
          row({ method: 'get', count: 1 }),
        ]),
      ],
      { withoutSidecar: ['bare-1.payments'] },
    ),
    IN_PAYMENTS,
  )
  t.same(
    one?.policies[0]?.spec.rules.flatMap(({ to }) => to),
    [{ operation: { ports: [8080], methods: ['GET'], paths: ['/items'] } }],
  )
  t.equal(one?.certainty.level, 'low')
  const said = Object.groupBy(one?.certainty.reasons ?? [], ({ code }) => code)
  t.match(said.plaintext?.[0]?.message, /^7 calls in plaintext, .* from old-1\.legacy \(10\.0\.0\.7\)/)
  t.equal(said['not-writable']?.length, 3)
  t.match(said.refused?.[0]?.message, /^2 calls refused .*shop\/sa\/intruder/)
  t.match(said.unanswered?.[0]?.message, /^3 calls/)
  t.match(said['without-sidecar']?.[0]?.message, /bare-1\.payments/)
})

t.test('how sure', async (t) => {
  const sure = (
    calls: readonly CallRow[],
    more: Partial<ObservedWorkload> = {},
    of: Partial<ObservedView> = {},
  ) => {
    const { level, unseen, watchedMs, reasons } = suggestPolicies(
      view([workload(calls, more)], of),
      IN_PAYMENTS,
    )[0]?.certainty ?? { level: '', unseen: 0, watchedMs: 0, reasons: [] }
    return { level, unseen, hours: watchedMs / HOUR, codes: reasons.map(({ code }) => code) }
  }
  const pod = { pod: 'pay-1', since: START, reported: NOW, restarts: 0, others: 0 }
  t.same(sure([row()]), { level: 'high', unseen: 0, hours: 24, codes: ['rare-calls'] })
  t.same(sure([]), { level: 'low', unseen: null, hours: 24, codes: ['nothing-seen', 'rare-calls'] })
  t.same(sure([row()], { watched: [] }).codes, ['not-watched', 'rare-calls'])
  t.match(sure([row()], { watched: [{ ...pod, since: NOW - 600_000 }] }), { level: 'low', hours: 1 / 6 })
  t.match(sure([row()], { watched: [{ ...pod, since: NOW - 12 * HOUR }] }), {
    level: 'medium',
    codes: ['watched-briefly', 'rare-calls'],
  })
  t.match(sure([row({ count: 10 })]), { level: 'medium', codes: ['few-calls', 'rare-calls'] })
  t.match(sure([row({ count: 1 }), row({ path: '/b', count: 1 }), row({ path: '/c', count: 8 })]), {
    unseen: 0.2,
  })
  t.match(sure([row(), row({ path: '/late', first: NOW - HOUR })]), {
    level: 'medium',
    codes: ['new-kinds', 'rare-calls'],
  })
  t.match(sure([row()], { watched: [{ ...pod, others: 5 }] }), {
    level: 'low',
    codes: ['overflow', 'rare-calls'],
  })
  t.match(sure([row()], { watched: [{ ...pod, restarts: 2 }] }), {
    level: 'medium',
    codes: ['restarts', 'rare-calls'],
  })
  t.match(sure([row()], {}, { evicted: 4 }), { level: 'low', codes: ['evicted', 'rare-calls'] })
  t.match(
    sure([row()], {
      ports: [
        { port: 8080, protocol: 'http' },
        { port: 9090, protocol: 'http' },
      ],
    }).codes,
    ['ports-never-called', 'rare-calls'],
  )
})

t.test('labels that select the pods of a workload and no others', async (t) => {
  const named = (name: string, labels: Record<string, string>, calls = [row()]) =>
    workload(calls, { name, pods: [{ name: `${name}-1`, identity: '', labels, services: [] }] })
  const selectors = (...all: readonly ObservedWorkload[]) =>
    suggestPolicies(view(all), IN_PAYMENTS).map(({ policies, problem }) => [
      policies[0]?.spec.selector.matchLabels,
      problem,
    ])
  t.same(selectors(named('pay', { app: 'pay', tier: 'back' })), [[{ app: 'pay' }, undefined]])
  t.same(selectors(named('v1', { app: 'pay', version: 'v1' }), named('v2', { app: 'pay', version: 'v2' })), [
    [{ version: 'v1' }, undefined],
    [{ version: 'v2' }, undefined],
  ])
  const twin = 'its labels select pods of b, too: these are opened to its callers as well'
  t.same(selectors(named('a', { app: 'pay' }), named('b', { app: 'pay', x: 'y' }, [])), [
    [{ app: 'pay' }, twin],
    [undefined, undefined],
  ])
  t.match(selectors(named('a', { 'pod-template-hash': 'x' })), [[undefined, /no label in common/]])
  t.match(selectors(workload([row()], { pods: [] })), [[undefined, /none of its pods is there/]])
})

t.test('one Service, dry runs, names that are none, and other namespaces', async (t) => {
  const other = workload([row()], {
    name: 'Ledger_2 (old)',
    pods: [{ name: 'l', identity: '', labels: { app: 'l' }, services: [] }],
  })
  const all = view([workload([row()]), other, workload([row()], { namespace: 'shop' })])
  const names = (options: SuggestOptions) =>
    suggestPolicies(all, options).flatMap(({ policies }) => policies.map(({ metadata }) => metadata.name))
  t.same(names(IN_PAYMENTS), ['pay-observed', 'ledger-2-old-observed'])
  t.same(names({ ...IN_PAYMENTS, service: 'pay' }), ['pay-observed'])
  t.same(names({ ...IN_PAYMENTS, service: 'nothing' }), [])
  t.equal(suggestPolicies(all, { ...IN_PAYMENTS, dryRun: true })[0]?.policies[0]?.spec.mode, 'DryRun')
})

t.test('names and paths from outside do not end a comment, and the text is what kubectl takes', async (t) => {
  const evil = 'x\napiVersion: v1'
  const suggestions = suggestPolicies(
    view([workload([row(), row({ source: '', address: evil, count: 2 })]), workload([], { name: 'idle' })]),
    IN_PAYMENTS,
  )
  const text = suggestionsText(view([]), suggestions)
  t.notMatch(text, /^apiVersion: v1$/m)
  const { objects, errors } = parseManifests('suggested.yaml', text)
  t.same(errors, [])
  t.equal(objects.length, 1)
  t.match(suggestionsJson(view([]), suggestions), {
    policies: [{ metadata: { name: 'pay-observed' } }],
    workloads: [
      { workload: 'pay', policies: ['pay-observed'], kinds: 1 },
      { workload: 'idle', problem: null },
    ],
  })
})

t.test('replicas of the control plane: each pod by whoever knows most of it', async (t) => {
  const watched = (pod: string, reported: number, restarts: number) => ({
    pod,
    since: START,
    reported,
    restarts,
    others: 0,
  })
  const a = workload([row({ count: 7, pods: { 'pay-1': 4, 'pay-2': 3 } })], {
    watched: [watched('pay-1', START, 0)],
  })
  const b = workload([row({ count: 9, pods: { 'pay-1': 9 } }), row({ path: '/b' })], {
    watched: [watched('pay-1', NOW, 1)],
  })
  const together = togetherObserved([view([a], { evicted: 1 }), view([b, workload([], { name: 'idle' })])])
  t.match(together, {
    evicted: 1,
    workloads: [{ name: 'idle' }, { name: 'pay', watched: [{ reported: NOW, restarts: 1 }] }],
  })
  t.same(
    together.workloads[1]?.calls.map(({ path, count }) => [path, count]),
    [
      ['/items', 12],
      ['/b', 5000],
    ],
  )
})

t.test('applied with a default of Deny: all that was seen is let in, and nothing else', async () => {
  const segment = fc.constantFrom('items', 'users', '{*}', 'search', 'a"b', 'x y')
  const path = fc
    .array(segment, { maxLength: 4 })
    .chain((parts) =>
      fc.boolean().map((slash) => `/${parts.join('/')}${slash && parts.length > 0 ? '/' : ''}`),
    )
  const sources = ['shop/web', 'shop/job', 'ops/backup'].map(identity)
  const http = fc.record({
    source: fc.constantFrom(...sources),
    port: fc.constantFrom(8080, 9090),
    method: fc.constantFrom('GET', 'POST', 'PATCH'),
    path,
    protocol: fc.constant('http' as const),
  })
  const other = fc.constantFrom(
    { protocol: 'tcp' as const, method: '', path: '', source: sources[0] as string, port: 5432 },
    {
      protocol: 'grpc' as const,
      method: 'POST',
      path: '/shop.v1.Catalog/Get',
      source: sources[1] as string,
      port: 8080,
    },
    { protocol: 'http' as const, method: 'CONNECT', path: '', source: sources[2] as string, port: 8080 },
  )
  const many = fc.array(fc.oneof({ weight: 6, arbitrary: http }, { weight: 1, arbitrary: other }), {
    minLength: 1,
    maxLength: 120,
  })
  fc.assert(
    fc.property(many, http, (seen, tried) => {
      const calls = seen.map((call) => row(call))
      const decide = decided(suggestionsText(view([]), suggestPolicies(view([workload(calls)]), IN_PAYMENTS)))
      for (const call of seen) if (!decide(call)) throw new Error(`refused: ${JSON.stringify(call)}`)
      const writable = (text: string) => text.replaceAll(/a"b|x y/g, '{*}')
      const allowed = seen.some(
        ({ source, port, method, path: template }) =>
          source === tried.source &&
          port === tried.port &&
          method === tried.method &&
          coversPath(writable(template), instance(tried.path)),
      )
      if (decide(tried) !== allowed)
        throw new Error(`${allowed ? 'refused' : 'let in'}: ${JSON.stringify(tried)}`)
    }),
    { numRuns: 60 },
  )
})

interface Call {
  readonly source: string
  readonly port: number
  readonly protocol: string
  readonly method: string
  readonly path: string
}

/** A path of a template. */
function instance(template: string): string {
  return template.replaceAll('{*}', '4711')
}

/** What the sidecar of a pod would decide, whose policies these are. */
function decided(policies: string): (call: Call) => boolean {
  const objects = payObjects(`${policies}---\n${meshPolicy('{ authorization: { default: Deny } }')}`)
  const mesh = new Translator({ trustDomain: 'cluster.local' }).translate(
    applyChanges(
      EMPTY_SNAPSHOT,
      objects.map((object) => ({ op: 'put', object })),
    ),
  )
  return ({ source, port, protocol, method, path }) => {
    const { http, tcp } = rulesFor(mesh, { key: 'payments/pay-1' }, port)
    const connection = {
      identity: source,
      sourceAddress: '10.0.0.5',
      destinationAddress: '10.0.0.9',
      destinationPort: port,
      sni: '',
    }
    if (protocol === 'tcp') return compile(tcp, 'connection').decide(connection).allowed
    const request = { method, authority: 'pay', path: instance(path), values: () => [], claims: undefined }
    return compile(http, 'request').decide({ ...connection, ...request }).allowed
  }
}
