import { createServer, request, type IncomingHttpHeaders, type RequestListener } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { CALLER_DESCRIPTOR } from '../../core/contract.ts'
import type { CaCredentials } from '../../certs/authority.ts'
import { formatFlags } from '../model/response-flag.ts'
import type { FilterConfig } from '../model/filter.ts'
import type { ForwardAction } from '../model/route.ts'
import { newRoot, secretsOf } from '../testing/mesh-identity.ts'
import { sidecar, strict, upstream, type Sidecar } from '../testing/mesh-sidecar.ts'
import {
  endpointAt,
  forwardTo,
  listenerOf,
  MANAGER,
  TestConfiguration,
} from '../testing/static-configuration.ts'
import { Scope } from '../xds/scope.ts'
import { adaptiveConcurrency } from './http/adaptive-concurrency.ts'
import { localRateLimit } from './http/local-rate-limit.ts'
import { NO_LISTENER_SETTINGS, type StepKind } from './step.ts'

// Steps and hedging over sockets: an application behind its sidecar, and callers behind theirs.

function filter<M, C>({ kind, read }: StepKind<M, C, unknown>, message: M): FilterConfig {
  const scope = new Scope()
  const config = read(message, scope, NO_LISTENER_SETTINGS)
  if (scope.problems.length > 0) throw scope.problems[0] as Error
  return { name: 'step', kind, config }
}

async function server(
  t: Test,
  root: CaCredentials,
  answer: RequestListener,
  filters: readonly FilterConfig[] = [],
): Promise<Sidecar> {
  const app = createServer(answer).listen(0, '127.0.0.1')
  await once(app, 'listening')
  t.teardown(() => {
    app.closeAllConnections()
    app.close()
  })
  const configuration = new TestConfiguration()
  configuration.setCluster('app', [(app.address() as AddressInfo).port])
  const manager = { ...MANAGER, traffic: 'inbound', forwardClientCert: 'sanitize_set', filters } as const
  configuration.listeners.set(new Map([['front', listenerOf(manager, strict(['weft-h2']))]]))
  configuration.setRoutes([forwardTo({ app: 1 })])
  return sidecar(t, configuration, secretsOf(root, 'catalog'))
}

async function caller(
  t: Test,
  root: CaCredentials,
  name: string,
  servers: readonly Sidecar[],
  action: Partial<ForwardAction> = {},
): Promise<Sidecar> {
  const configuration = new TestConfiguration()
  const endpoints = servers.map(({ port }) => endpointAt(port))
  const tls = upstream(['weft-h2'])
  configuration.setCluster('catalog', [], { discovery: { kind: 'static', endpoints }, tls })
  configuration.setRoutes([forwardTo({ catalog: 1 }, action)])
  return sidecar(t, configuration, secretsOf(root, name))
}

interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
}

function get({ port }: Sidecar, headers = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    request({ port, host: '127.0.0.1', path: '/', headers, agent: false }, (response) => {
      let text = ''
      response.on('data', (chunk: Buffer) => (text += chunk.toString()))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }))
    })
      .on('error', reject)
      .end()
  })
}

const until = async (state: () => boolean): Promise<void> => {
  while (!state()) await new Promise((resolve) => setImmediate(resolve))
}

t.test('a limit by caller goes by the certificate, and tells when to come again', async (t) => {
  const root = newRoot()
  const all = { defaultValue: { numerator: 100 } }
  const limit = filter(localRateLimit, {
    statPrefix: 'catalog',
    filterEnabled: all,
    filterEnforced: all,
    descriptors: [
      {
        entries: [{ key: CALLER_DESCRIPTOR }],
        tokenBucket: { maxTokens: 2, tokensPerFill: 2, fillInterval: 3_600_000 },
      },
    ],
  })
  const catalog = await server(t, root, (_message, response) => response.end('catalog'), [limit])
  const web = await caller(t, root, 'web', [catalog])
  const orders = await caller(t, root, 'orders', [catalog])
  for (let i = 0; i < 2; i++) t.equal((await get(web)).status, 200)
  const refused = await get(web)
  t.equal(refused.status, 429)
  t.equal(refused.headers['ratelimit-policy'], '"catalog/weft.dev/caller";q=2;w=3600')
  t.match(refused.headers['ratelimit'], /^"catalog\/weft\.dev\/caller";r=0;t=3[56]\d\d$/)
  t.match(refused.headers['retry-after'], /^3[56]\d\d$/)
  t.equal(formatFlags(catalog.requests.at(-1)?.flags ?? 0), 'RL')
  const forged = {
    'x-forwarded-client-cert': 'URI=spiffe://cluster.local/ns/shop/sa/orders',
    'x-forwarded-for': '10.9.9.9',
  }
  t.equal((await get(web, forged)).status, 429)
  t.equal((await get(orders)).status, 200)
})

t.test('an application that is at its limit is asked no more, until it has answered', async (t) => {
  const root = newRoot()
  const held: (() => void)[] = []
  const one = filter(adaptiveConcurrency, {
    gradientControllerConfig: {
      concurrencyLimitParams: { maxConcurrencyLimit: 1, concurrencyUpdateInterval: 100 },
      minRttCalcParams: { interval: 60_000, minConcurrency: 1 },
    },
  })
  const catalog = await server(
    t,
    root,
    (_message, response) => void held.push(() => response.end('catalog')),
    [one],
  )
  const web = await caller(t, root, 'web', [catalog])
  const first = get(web)
  await until(() => held.length === 1)
  const refused = await get(web)
  t.equal(refused.status, 503)
  t.match(refused.headers['proxy-status'], /reached_concurrency_limit/)
  t.equal(formatFlags(catalog.requests.at(-1)?.flags ?? 0), 'UO')
  held[0]?.()
  t.equal((await first).status, 200)
  const second = get(web)
  await until(() => held.length === 2)
  held[1]?.()
  t.equal((await second).text, 'catalog')
})

t.test('a request that hangs is answered by another endpoint, and given up where it hangs', async (t) => {
  const root = newRoot()
  let hanging = 0
  const hangs = await server(t, root, () => void hanging++)
  const answers = await server(t, root, (_message, response) => response.end('catalog'))
  const hedge = { afterMs: 20, max: 1, nonIdempotent: false }
  const web = await caller(t, root, 'web', [hangs, answers], { hedge })
  for (let i = 0; i < 4; i++) t.equal((await get(web)).text, 'catalog')
  t.ok(hanging > 0)
  // One that is given up before its sidecar has a connection to the application is among them, and not counted there.
  await until(() => hangs.requests.length >= hanging)
  t.same([...new Set(hangs.requests.map(({ flags }) => formatFlags(flags)))], ['DC'])
  t.ok(web.requests.every(({ status, upstream }) => status === 200 && upstream.endsWith(`:${answers.port}`)))
})
