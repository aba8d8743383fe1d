import t from 'tap'
import type { Endpoint } from '../../model/cluster.ts'
import { endpointAt } from '../../testing/static-configuration.ts'
import type { UpstreamOptions } from '../dependencies.ts'
import { FakeUpstream } from '../testing/fake-upstream.ts'
import { identityOf, meshTls } from '../testing/mesh-tls.ts'
import { pickablePorts } from '../testing/pickable-ports.ts'
import type { CreateSignal, HealthSignal, SignalContext, Standing } from './signal.ts'
import { SIGNALS } from './signals.ts'
import type { TryOutcome } from './try-outcome.ts'

const EJECTED_MS = 30_000

/** Made up, to show what a signal can do: three answers of 5xx in a row eject an endpoint for 30 s. */
class Ejection implements HealthSignal {
  readonly name = 'ejection'
  standing: Standing = 'use'
  readonly #context: SignalContext
  #errors = 0
  #stopTimer: () => void = () => {}

  constructor(context: SignalContext) {
    this.#context = context
  }

  observe(outcome: TryOutcome, status: number): void {
    if (outcome !== 'answered') return
    this.#errors = status >= 500 ? this.#errors + 1 : 0
    if (this.#errors < 3 || this.standing !== 'use') return
    this.#stand('last-resort')
    this.#stopTimer = this.#context.clock.after(EJECTED_MS, () => this.#stand('use'))
  }

  removed(): void {
    this.#stopTimer()
  }

  #stand(standing: Standing): void {
    this.standing = standing
    this.#errors = 0
    this.#context.changed()
  }
}

function start(ports: readonly number[], signals: UpstreamOptions['signals'] = SIGNALS) {
  const upstream = new FakeUpstream({ signals })
  const { configuration, clock } = upstream
  configuration.setCluster('app', ports)
  const cluster = upstream.clusters.get('app')
  return {
    configuration,
    clock,
    cluster,
    state: (port: number) => {
      const found = [...cluster.states.values()].find(({ endpoint }) => endpoint.port === port)
      if (!found) throw new Error(`no endpoint at port ${port}`)
      return found
    },
    pickable: () => pickablePorts(cluster),
    endpoints: (...endpoints: Endpoint[]): void =>
      configuration.endpoints('app').set({ clusterName: 'app', endpoints }),
  }
}

const WITH_EJECTION = [...SIGNALS, (context: SignalContext) => new Ejection(context)]

t.test('a signal takes an endpoint out of the choice, and back in when its time is over', async (t) => {
  const { clock, state, pickable } = start([1, 2], WITH_EJECTION)
  const observe = (status: number): void => state(1).observe('answered', status, 5)
  for (const status of [500, 503, 200, 500, 500]) observe(status)
  t.same(pickable(), [1, 2])
  observe(502)
  t.same(pickable(), [2])
  t.same(state(1).health.objections, ['ejection'])
  clock.advance(29_999)
  t.same(pickable(), [2])
  clock.advance(1)
  t.same(pickable(), [1, 2])
  t.same(state(1).health.objections, [])
  t.equal(clock.pending, 0)
})

t.test('what a signal knows outlives changes of the configuration, and ends with the endpoint', async (t) => {
  const { clock, configuration, state, pickable, endpoints } = start([1, 2], WITH_EJECTION)
  for (let i = 0; i < 3; i++) state(1).observe('answered', 500, 5)
  configuration.setCluster('app', [1, 2], { connectTimeoutMs: 7 })
  t.same(pickable(), [2])
  endpoints(endpointAt(1, { weight: 3 }), endpointAt(2, { health: 'draining' }))
  t.same(pickable(), [1, 2], 'nothing better is left')
  endpoints(endpointAt(2))
  t.equal(clock.pending, 0)
  endpoints(endpointAt(1), endpointAt(2))
  t.same(pickable(), [1, 2])
})

t.test('the worst of all signals counts, and the picker is replaced only when that changes', async (t) => {
  const standings: Record<string, Standing> = { a: 'use', b: 'use' }
  const changes: (() => void)[] = []
  let changed = 0
  const made =
    (name: string): CreateSignal =>
    (context) => {
      changes.push(() => context.changed())
      return {
        name,
        get standing() {
          return standings[name] as Standing
        },
      }
    }
  const { state } = start([1], [made('a'), made('b')])
  const { health } = state(1)
  const set = (name: string, standing: Standing): Standing => {
    standings[name] = standing
    const before = health.standing
    for (const tell of changes) tell()
    if (health.standing !== before) changed++
    return health.standing
  }
  t.equal(set('a', 'last-resort'), 'last-resort')
  t.equal(set('b', 'avoid'), 'avoid')
  t.same(health.objections, ['a', 'b'])
  t.equal(set('a', 'use'), 'avoid')
  t.equal(set('b', 'use'), 'use')
  t.equal(changed, 3)
})

t.test('a signal is told of every try with the time of the clock', async (t) => {
  const seen: unknown[] = []
  const { clock, state } = start(
    [1],
    [() => ({ name: 'seen', standing: 'use', observe: (...all: unknown[]) => void seen.push(all) })],
  )
  clock.advance(5)
  state(1).observe('answered', 200, 12)
  state(1).observe('reset', 0, 34)
  t.same(seen, [
    ['answered', 200, 12, clock.now()],
    ['reset', 0, 34, clock.now()],
  ])
})

t.test('an endpoint whose identity the cluster does not allow is the last resort', async (t) => {
  const { configuration, state } = start([])
  const standing = (identity: string, tls: ReturnType<typeof meshTls> | undefined): Standing => {
    configuration.setCluster('app', [], {
      discovery: { kind: 'static', endpoints: [endpointAt(1, { identity })] },
      tls,
    })
    return state(1).health.standing
  }
  const prefix = {
    ...meshTls([]),
    validation: {
      roots: { kind: 'sds', name: 'ROOTCA' },
      subjectAltNames: [{ type: 'uri', match: 'prefix', value: 'spiffe://cluster.local/ns/shop/' }],
    },
  } as const
  const roots = { kind: 'inline', pem: 'x' } as const
  const outside = { ...meshTls(['a']), validation: { ...prefix.validation, roots } } as const
  t.equal(standing(identityOf('a'), meshTls(['a', 'b'])), 'use')
  t.equal(standing(identityOf('c'), meshTls(['a', 'b'])), 'last-resort')
  t.equal(standing(identityOf('c'), prefix), 'use')
  t.equal(standing('spiffe://cluster.local/ns/other/sa/c', prefix), 'last-resort')
  t.equal(standing(identityOf('c'), meshTls([])), 'use', 'everyone of the mesh')
  t.equal(standing('', meshTls(['a'])), 'use', 'nobody in particular is expected')
  t.equal(standing('spiffe://other/c', outside), 'use', 'only the mesh checks identities')
  t.equal(standing(identityOf('c'), undefined), 'use')
})
