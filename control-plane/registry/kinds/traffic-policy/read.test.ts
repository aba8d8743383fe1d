import t from 'tap'
import { parseManifests } from '../../parse-manifests.ts'
import { policyText, REFUSED, TAKEN } from './testing/specs.ts'

const read = (spec: unknown) => parseManifests('policy.yaml', policyText(spec))

t.test('what the API server would refuse is refused in files, too, at its place', (t) => {
  for (const [spec, message] of REFUSED) {
    const { objects, errors } = read(spec)
    t.ok(
      errors.some((error) => message.test(`${error.field} ${error.message}`)),
      `${JSON.stringify(spec)}: ${errors.map((error) => `${error.field} ${error.message}`).join('; ')}`,
    )
    t.same(objects, [], 'no part of it is taken')
  }
  t.end()
})

t.test('what it takes is taken', (t) => {
  for (const [name, spec] of Object.entries(TAKEN)) {
    const { objects, errors } = read(spec)
    t.same(errors, [], name)
    t.equal(objects.length, 1, name)
  }
  t.end()
})

t.test('what is left out has its default', (t) => {
  const settings = (section: object): unknown => {
    const [found] = read({ targetRefs: [{ kind: 'Service', name: 'a' }], ...section }).objects
    return found?.object.kind === 'TrafficPolicy' ? found.object.settings : undefined
  }
  t.same(settings({ loadBalancing: {} }), {
    loadBalancing: { policy: { type: 'PeakEwma', decayMs: 10_000, failurePenaltyMs: 5000 } },
  })
  t.same(settings({ outlierDetection: { baseEjection: '10m' } }), {
    outlierDetection: {
      mode: 'On',
      consecutiveErrors: 5,
      statusCodes: [],
      grpcStatusCodes: [],
      successRate: { belowPercent: 80, windowMs: 10_000, minimumRequests: 20 },
      baseEjectionMs: 600_000,
      maximumEjectionMs: 600_000,
      maximumEjectedPercent: 50,
    },
  })
  t.same(settings({ retryBudget: { percent: 50 } }), { retryBudget: { percent: 50, minimumPerSecond: 10 } })
  t.same(settings({ rateLimits: [{ requests: 9, per: '1m30s' }] }), {
    rateLimits: [{ requests: 9, perMs: 90_000, burst: 9, by: { type: 'Service' } }],
  })
  t.same(settings({ adaptiveConcurrency: { minimumLimit: 2000 } }), {
    adaptiveConcurrency: {
      mode: 'On',
      minimumLimit: 2000,
      maximumLimit: 2000,
      priorityHeader: undefined,
    },
  })
  t.same(settings({ hedging: { after: '50ms' } }), { hedging: { afterMs: 50, maximum: 1 } })
  t.same(settings({ faults: [{ abort: { grpcStatus: 'DATA_LOSS' } }] }), {
    faults: [{ matches: [], abort: { status: undefined, grpcStatus: 15, percent: 100 } }],
  })
  t.end()
})

t.test('several mistakes are told at once', (t) => {
  const { errors } = read({
    targetRefs: [{ kind: 'Service', name: 'a' }],
    retryBudget: { percent: -1 },
    hedging: { after: 5 },
    outlierDetection: { consecutiveErors: 5 },
  })
  t.same(errors.map(({ field }) => field).toSorted(), [
    'spec.hedging.after',
    'spec.outlierDetection.consecutiveErors',
    'spec.retryBudget.percent',
  ])
  t.match(errors.find(({ field }) => field.endsWith('Erors'))?.remedy, /did you mean consecutiveErrors\?/)
  t.end()
})
