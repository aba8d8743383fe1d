import t from 'tap'
import { NO_EVIDENCE } from '../evidence/step-evidence.ts'
import { STABLE_ONLY } from '../route-shape.ts'
import type { CanaryPhase, CanaryStatus, RouteShape } from '../status.ts'
import type { Deployment, ReplicaSet, Rollout } from './objects.ts'
import { NEVER, NO_REVISION, planRevisions, type RevisionFacts } from './plan.ts'

const WAS: Rollout = { minReadySeconds: 3, progressDeadlineSeconds: 600, maxSurge: '25%', maxUnavailable: 1 }
const V1 = { spec: { image: 'v1' } }
const V2 = { spec: { image: 'v2' } }

const deployment = (more: Partial<Deployment> = {}): Deployment => ({
  name: 'catalog',
  uid: 'u',
  resourceVersion: '1',
  replicas: 4,
  matchLabels: { app: 'catalog' },
  byExpressions: false,
  strategy: 'RollingUpdate',
  template: V1,
  paused: true,
  rollout: WAS,
  complete: true,
  held: { as: 'paused' },
  ...more,
})
const set = (hash: string, template: object, replicas: number): ReplicaSet => ({
  name: `catalog-${hash}`,
  hash,
  replicas,
  template: { ...template },
})
const OLD = set('h1', V1, 4)
const status = (phase: CanaryPhase, revision: string, step = 0): CanaryStatus => ({
  observedGeneration: 1,
  phase,
  reason: '',
  message: '',
  step,
  steps: 2,
  weight: 0,
  revision,
  subject: '',
  stepStartedAt: '2026-01-31T12:00:00Z',
  request: '',
  held: false,
  route: { shape: STABLE_ONLY, before: null },
  evidence: NO_EVIDENCE,
  history: [],
})
const shape = (weight: number): RouteShape => ({ ...STABLE_ONLY, weight })
const facts = (more: Partial<RevisionFacts> = {}): RevisionFacts => ({
  deployment: deployment(),
  replicaSets: [OLD],
  stable: { hash: 'h1' },
  canary: { hash: NO_REVISION },
  shape: STABLE_ONLY,
  stableReady: 'h1',
  status: undefined,
  steps: [
    { kind: 'weight', weight: 10, holdMs: 1 },
    { kind: 'weight', weight: 50, holdMs: 1 },
  ],
  ...more,
})
const released = (surge: string): Partial<Deployment> => ({
  template: V2,
  paused: false,
  held: { as: 'released', was: WAS },
  rollout: {
    minReadySeconds: NEVER,
    progressDeadlineSeconds: 2_147_483_647,
    maxSurge: surge,
    maxUnavailable: 0,
  },
})
const acts = (more: Partial<RevisionFacts>): string[] =>
  planRevisions(facts(more)).actions.map((action) => {
    switch (action.do) {
      case 'select':
        return `${action.service}=${action.hash}`
      case 'release':
        return `release ${action.rollout.maxSurge}`
      case 'scale down':
        return `scale down ${action.replicaSet}`
      case 'pause':
        return action.rollout ? `pause ${action.rollout.minReadySeconds}` : 'pause'
      case 'finish':
        return `finish ${action.rollout.minReadySeconds}`
      case 'stable only':
        return action.do
    }
  })

t.test('the first revision is what the Deployment has once it is whole', async (t) => {
  const bare = { held: undefined, paused: false }
  t.strictSame(
    acts({ stable: undefined, canary: undefined, deployment: deployment({ ...bare, complete: false }) }),
    [],
  )
  t.strictSame(acts({ stable: undefined, canary: undefined, deployment: deployment(bare) }), [
    'stable=h1',
    `canary=${NO_REVISION}`,
    'pause',
  ])
  t.strictSame(acts({}), [], 'and then there is nothing to do')
  // Somebody had it roll on by hand, in the middle of a run.
  const rolled = { replicaSets: [set('h1', V1, 0), set('h2', V2, 4)], stable: { hash: 'h1' } }
  t.strictSame(acts({ ...rolled, deployment: deployment({ ...released('50%'), complete: false }) }), [
    'finish 3',
  ])
  t.strictSame(
    acts({
      ...rolled,
      canary: { hash: 'h2' },
      shape: shape(10),
      deployment: deployment({ ...bare, template: V2 }),
    }),
    ['stable=h2'],
    'who has requests keeps its pods',
  )
})

t.test(
  'another template is followed beside the one before, with room for its share and the next',
  async (t) => {
    const fresh = { deployment: deployment({ template: V2 }) }
    t.strictSame(acts(fresh), ['release 50%'])
    const both = { replicaSets: [OLD, set('h2', V2, 2)] }
    const started = planRevisions(facts({ ...both, deployment: deployment(released('50%')) }))
    t.match(started, { revision: 'h2', actions: [{ do: 'select', service: 'canary', hash: 'h2' }] })
    const running = {
      ...both,
      canary: { hash: 'h2' },
      shape: shape(10),
      status: status('Progressing', 'h2', 1),
    }
    t.strictSame(
      acts({ ...running, deployment: deployment(released('50%')) }),
      ['release 100%'],
      'behind the last step is all',
    )
    t.strictSame(acts({ ...running, deployment: deployment(released('100%')) }), [])
    // Whoever applies the Deployment wrote a field of it anew: what is given back at the end is still the first.
    const edited = deployment({ ...released('100%'), rollout: { ...WAS, minReadySeconds: 7 } })
    t.match(planRevisions(facts({ ...running, deployment: edited })).actions, [{ do: 'release', was: WAS }])
  },
)

t.test('a third template takes the share back before its Service leads elsewhere', async (t) => {
  const third = {
    replicaSets: [OLD, set('h2', V2, 1), set('h3', { spec: { image: 'v3' } }, 1)],
    canary: { hash: 'h2' },
    deployment: deployment({ ...released('50%'), template: { spec: { image: 'v3' } } }),
    status: status('Progressing', 'h2'),
  }
  t.match(planRevisions(facts({ ...third, shape: shape(10) })), { revision: 'h3', actions: [] })
  t.strictSame(acts({ ...third, shape: STABLE_ONLY }), ['canary=h3'])
})

t.test('promoted: it takes the place of the old pods, and then the name', async (t) => {
  const both = { replicaSets: [OLD, set('h2', V2, 4)], canary: { hash: 'h2' }, shape: shape(100) }
  const promoted = { ...both, status: status('Succeeded', 'h2', 2) }
  t.strictSame(acts({ ...promoted, deployment: deployment(released('100%')) }), ['finish 3'])
  const free = { template: V2, paused: false, held: undefined }
  t.strictSame(acts({ ...promoted, deployment: deployment({ ...free, complete: false }) }), [])
  t.strictSame(acts({ ...promoted, deployment: deployment(free) }), ['stable=h2'])
  const named = { ...promoted, stable: { hash: 'h2' }, deployment: deployment(free) }
  t.strictSame(acts(named), [], 'its pods are not seen behind the stable Service yet')
  t.strictSame(acts({ ...named, stableReady: 'h2' }), ['stable only'])
  t.strictSame(acts({ ...named, shape: STABLE_ONLY, replicaSets: [set('h1', V1, 0), set('h2', V2, 4)] }), [
    `canary=${NO_REVISION}`,
    'pause',
  ])
})

t.test('rolled back: its share goes, then its pods, and it is not tried again', async (t) => {
  const back = {
    replicaSets: [OLD, set('h2', V2, 2)],
    canary: { hash: 'h2' },
    status: status('RolledBack', 'h2'),
    deployment: deployment(released('50%')),
  }
  t.strictSame(acts({ ...back, shape: shape(10) }), [])
  t.strictSame(acts(back), [`canary=${NO_REVISION}`, 'pause 3', 'scale down catalog-h2'])
  const gone = { ...back, replicaSets: [OLD, set('h2', V2, 0)], canary: { hash: NO_REVISION } }
  const held = { deployment: deployment({ template: V2 }) }
  t.strictSame(acts({ ...gone, ...held }), [])
  t.strictSame(
    acts({ ...gone, ...held, status: status('Waiting', 'h2') }),
    ['release 50%', 'canary=h2'],
    'unless somebody asks',
  )
})

t.test('a template that is taken back ends the run; somebody elses route is left alone', async (t) => {
  const taken = {
    replicaSets: [OLD, set('h2', V2, 2)],
    canary: { hash: 'h2' },
    status: status('Progressing', 'h2'),
    deployment: deployment({ ...released('50%'), template: V1 }),
  }
  t.match(planRevisions(facts({ ...taken, shape: shape(10) })), { revision: 'h1', actions: [] })
  t.strictSame(acts(taken), [`canary=${NO_REVISION}`, 'pause 3', 'scale down catalog-h2'])
  t.strictSame(acts({ ...taken, status: status('HandedOver', 'h2') }), [])
})

t.test('what no Canary can keep is said with what to do', async (t) => {
  const problem = (more: Partial<Deployment>): string =>
    planRevisions(facts({ deployment: deployment(more) })).problem
  t.match(problem({ strategy: 'Recreate' }), /write RollingUpdate/)
  t.match(problem({ byExpressions: true }), /write matchLabels/)
  t.match(problem({ held: undefined }), /kubectl rollout resume deployment\/catalog/)
  t.equal(problem({}), '')
})
