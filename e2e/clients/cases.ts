import assert from 'node:assert/strict'
import type { Calls } from './client.ts'
import { greeter } from './greeter.ts'
import { mutualTls } from './mutual-tls.ts'
import { only, target, until, type Scene } from './scene.ts'
import { route, to } from './world.ts'

export interface Case {
  readonly name: string
  /** Throws where the client does something else. Gives what it measured, in milliseconds. */
  readonly run: (scene: Scene) => Promise<Readonly<Record<string, number>> | undefined>
}

/** The libraries' own wait for a name that nobody serves is 15 s: who fails before did not wait for it. */
const WAIT_FOR_NAMES_MS = 15_000

/** A Service in front of two versions of it, all with the names of the case. */
async function versions({ world, t }: Scene, name: string): Promise<readonly [string, string]> {
  world.service(name)
  for (const version of ['v1', 'v2']) {
    world.service(`${name}-${version}`)
    world.endpoint(`${name}-${version}`, await greeter(t, version))
  }
  return [`${name}-v1`, `${name}-v2`]
}

/** Calls that fail, and how long that takes. */
async function failing(
  { client }: Scene,
  service: string,
  more: Partial<Calls> = {},
  cluster = '',
): Promise<number> {
  const began = performance.now()
  const outcome = await client.call(target(service), { deadlineMs: 20_000, ...more })
  const ms = Math.round(performance.now() - began)
  assert.deepEqual(Object.keys(outcome.answers), ['UNAVAILABLE'])
  if (client.program.quotesClusters) assert.ok(outcome.message.includes(cluster), outcome.message)
  assert.ok(ms < WAIT_FOR_NAMES_MS, `it took ${ms} ms to fail`)
  return ms
}

export const CASES: readonly Case[] = [
  {
    name: 'a Service without a route, whose endpoints come later and move',
    async run(scene) {
      const { world, client, t } = scene
      world.service('plain')
      await failing(scene, 'plain')
      world.endpoint('plain', await greeter(t, 'first'))
      const came = await until(() => client.call(target('plain')), only('first'))
      const long = 'xds:///plain.shop.svc.cluster.local:50051'
      assert.deepEqual((await client.call(long, { count: 100 })).answers, { first: 100 })
      world.endpoint('plain', await greeter(t, 'second'))
      const moved = await until(() => client.call(target('plain'), { count: 20 }), only('second'))
      return { came, moved }
    },
  },
  {
    name: 'each call ends, however often its endpoint leaves',
    async run({ world, client, t }) {
      world.service('restless')
      const ports = [await greeter(t, 'one'), await greeter(t, 'two')] as const
      world.endpoint('restless', ports[0])
      await until(() => client.call(target('restless')), only('one'))
      for (let turn = 1; turn <= 20; turn++) {
        const calls = client.call(target('restless'), { count: 400, deadlineMs: 5000 })
        world.endpoint('restless', ports[turn % 2 === 0 ? 0 : 1])
        const { answers } = await calls
        // What was picked and not sent may be told so by the library.
        const { one = 0, two = 0, UNAVAILABLE: unavailable = 0 } = answers
        assert.equal(one + two + unavailable, 400, JSON.stringify(answers))
        assert.ok(unavailable < 40, JSON.stringify(answers))
        await until(() => client.call(target('restless')), only(turn % 2 === 0 ? 'one' : 'two'))
      }
      return undefined
    },
  },
  ...(['HTTPRoute', 'GRPCRoute'] as const).map((kind): Case => ({
    name: `${kind}: a split, and an edit of it`,
    async run(scene) {
      const { world, client } = scene
      const name = `split-${kind.toLowerCase()}`
      const [v1, v2] = await versions(scene, name)
      world.put('route', route(kind, name, [to({ [v1]: 90, [v2]: 10 })]))
      await until(
        () => client.call(target(name), { count: 40 }),
        ({ answers: { v1 = 0, v2 = 0 } }) => v1 + v2 === 40,
      )
      const canary = (await client.call(target(name), { count: 1000 })).answers
      assert.equal((canary['v1'] ?? 0) + (canary['v2'] ?? 0), 1000, JSON.stringify(canary))
      // 9.5 is the standard deviation: six of them.
      assert.ok(Math.abs((canary['v1'] ?? 0) - 900) < 57, JSON.stringify(canary))
      world.put('route', route(kind, name, [to({ [v1]: 0, [v2]: 1 })]))
      return { edit: await until(() => client.call(target(name)), only('v2')) }
    },
  })),
  {
    name: 'GRPCRoute: a method, spelled as it is; what no rule takes fails at once',
    async run(scene) {
      const { world, client } = scene
      const [v1] = await versions(scene, 'methods')
      const match = 'matches: [{ method: { service: greeter.Greeter, method: SayHello } }]'
      world.put('route', route('GRPCRoute', 'methods', [`{ ${match}, ${to({ [v1]: 1 })} }`]))
      await until(() => client.call(target('methods')), only('v1'))
      await failing(scene, 'methods', { method: '/greeter.Greeter/Other' })
      return { otherSpelling: await failing(scene, 'methods', { method: '/greeter.Greeter/sayhello' }) }
    },
  },
  {
    name: 'a rule for POST matches, one for another method or with a query never',
    async run(scene) {
      const { world, client } = scene
      const [v1, v2] = await versions(scene, 'posted')
      const rule = (match: string, backend: string) => `{ matches: [${match}], ${to({ [backend]: 1 })} }`
      world.put(
        'route',
        route('HTTPRoute', 'posted', [
          rule('{ path: { value: /greeter.Greeter }, method: GET }', v2),
          rule('{ path: { value: /greeter.Greeter }, queryParams: [{ name: q, value: "1" }] }', v2),
          rule('{ method: POST }', v1),
        ]),
      )
      await until(() => client.call(target('posted')), only('v1'))
      assert.deepEqual((await client.call(target('posted'), { count: 50 })).answers, { v1: 50 })
      return undefined
    },
  },
  {
    name: 'metadata, by value and by pattern',
    async run(scene) {
      const { world, client } = scene
      const [v1, v2] = await versions(scene, 'metadata')
      const canary =
        'matches: [{ headers: [{ name: X-Canary, value: "yes" }] }, { headers: [{ name: user, type: RegularExpression, value: "ann|bo+" }] }]'
      const rules = [`{ ${canary}, ${to({ [v2]: 1 })} }`, to({ [v1]: 1 })]
      world.put('route', route('GRPCRoute', 'metadata', rules))
      await until(() => client.call(target('metadata')), only('v1'))
      const answers = async (metadata: Record<string, string>) =>
        Object.keys((await client.call(target('metadata'), { metadata, count: 5 })).answers).join()
      assert.equal(await answers({ 'x-canary': 'yes' }), 'v2')
      assert.equal(await answers({ 'x-canary': 'no' }), 'v1')
      assert.equal(await answers({ user: 'boo' }), 'v2')
      assert.equal(await answers({ user: 'ann' }), 'v2')
      // A pattern is for the whole of a value (GEP-1713), for each of its alternatives.
      for (const user of ['anna', 'a bo', 'b']) assert.equal(await answers({ user }), 'v1', user)
      return undefined
    },
  },
  {
    name: 'a backend that does not exist and a redirect fail at once; other rules go on',
    async run(scene) {
      const { world, client } = scene
      const [v1] = await versions(scene, 'broken')
      const at = (value: string) => `matches: [{ path: { type: Exact, value: /greeter.Greeter/${value} } }]`
      const redirect =
        'filters: [{ type: RequestRedirect, requestRedirect: { hostname: elsewhere.example } }]'
      world.put(
        'route',
        route('HTTPRoute', 'broken', [
          `{ ${at('SayHello')}, ${to({ [v1]: 1 })} }`,
          `{ ${at('Other')}, ${to({ gone: 1 })} }`,
          `{ ${at('Moved')}, ${redirect} }`,
          `{ ${at('EveryThird')}, ${to({ [v1]: 1, gone: 1 })} }`,
        ]),
      )
      await until(() => client.call(target('broken')), only('v1'))
      const method = (name: string) => ({ method: `/greeter.Greeter/${name}` })
      const invalid = await failing(
        scene,
        'broken',
        method('Other'),
        'weft.invalid-backend/HTTPRoute/shop/broken/1',
      )
      const moved = await failing(
        scene,
        'broken',
        method('Moved'),
        'weft.redirect-is-not-for-grpc/HTTPRoute/shop/broken/2',
      )
      assert.deepEqual((await client.call(target('broken'), { count: 50 })).answers, { v1: 50 })
      const { answers } = await client.call(target('broken'), { ...method('EveryThird'), count: 120 })
      // A half goes nowhere, and of the other one call of three is answered: 120 / 6 = 20.
      assert.ok((answers['v1'] ?? 0) > 5 && (answers['v1'] ?? 0) < 40, JSON.stringify(answers))
      return { invalid, moved }
    },
  },
  {
    name: 'a target that does not exist fails at once; it may come later, go and come back',
    async run(scene) {
      const { world, client, t } = scene
      const unknown = await failing(scene, 'late', {}, 'weft.no-such-target/late.shop:50051')
      const there = async () => {
        world.service('late')
        world.endpoint('late', await greeter(t, 'late'))
      }
      await there()
      await until(() => client.call(target('late')), only('late'))
      world.put('service-late')
      await until(() => client.call(target('late')), only('UNAVAILABLE'))
      const gone = await failing(scene, 'late')
      await there()
      await until(() => client.call(target('late')), only('late'))
      return { unknown, gone }
    },
  },
  {
    name: "a consumer's route, made and taken away",
    async run(scene) {
      const { world, client, t } = scene
      world.service('theirs', 'lib')
      world.endpoint('theirs', await greeter(t, 'theirs'), 'lib')
      world.service('ours')
      world.endpoint('ours', await greeter(t, 'ours'))
      const call = () => client.call('xds:///theirs.lib:50051')
      await until(call, only('theirs'))
      world.put('consumer', route('GRPCRoute', 'theirs', [to({ ours: 1 })], { parent: 'lib' }))
      await until(call, only('ours'))
      world.put('consumer')
      // That of Go asks a picker for the new cluster that does not know it yet ("unknown cluster selected for RPC"), until it has
      // made the next one: some calls of that moment fail, whoever serves the routes.
      let rounds = 0
      await until(call, ({ answers }) => {
        if ('UNAVAILABLE' in answers) assert.ok(++rounds <= 10, 'calls go on to fail for it')
        return 'theirs' in answers
      })
      return undefined
    },
  },
  {
    name: 'the limit of a request',
    async run(scene) {
      const { world, client } = scene
      const [v1, v2] = await versions(scene, 'limited')
      const never = { method: '/greeter.Greeter/Never', deadlineMs: 20_000 }
      const rule = (timeouts: string, backend: string) => `{ timeouts: ${timeouts}, ${to({ [backend]: 1 })} }`
      world.put('route', route('HTTPRoute', 'limited', [rule('{ request: 300ms }', v1)]))
      await until(() => client.call(target('limited')), only('v1'))
      const began = performance.now()
      assert.deepEqual((await client.call(target('limited'), never)).answers, { DEADLINE_EXCEEDED: 1 })
      const ms = performance.now() - began
      assert.ok(ms > 250 && ms < 20_000, `${ms} ms`)
      world.put('route', route('HTTPRoute', 'limited', [rule('{ backendRequest: 200ms }', v2)]))
      await until(() => client.call(target('limited')), only('v2'))
      assert.deepEqual((await client.call(target('limited'), never)).answers, { DEADLINE_EXCEEDED: 1 })
      return { limited: Math.round(ms) }
    },
  },
  {
    name: 'retries, where the route says that a POST may be repeated',
    async run(scene) {
      const { world, client } = scene
      const [v1, v2] = await versions(scene, 'retried')
      const flaky = { method: '/greeter.Greeter/EveryThird', count: 9, atOnce: 1 }
      const rules = (backend: string) => [
        `{ retry: { attempts: 2, backoff: 10ms, codes: [503] }, ${to({ [backend]: 1 })} }`,
      ]
      const annotations = "{ weft.dev/retry-non-idempotent: 'true' }"
      world.put('route', route('HTTPRoute', 'retried', rules(v1), { annotations }))
      await until(() => client.call(target('retried')), only('v1'))
      assert.deepEqual((await client.call(target('retried'), flaky)).answers, { v1: 9 })
      world.put('route', route('HTTPRoute', 'retried', rules(v2)))
      await until(() => client.call(target('retried')), only('v2'))
      assert.deepEqual((await client.call(target('retried'), flaky)).answers, { UNAVAILABLE: 6, v2: 3 })
      return undefined
    },
  },
  { name: 'mutual TLS with the sidecar of a server', run: mutualTls },
]
