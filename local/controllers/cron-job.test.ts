import t from 'tap'
import { ManualClock } from '../../core/clock.ts'
import type { CronJobObject, JobObject } from '../manifest/objects.ts'
import { parseObject } from '../manifest/parse-object.ts'
import { CronJobController } from './cron-job.ts'
import type { JobOutcome } from './job.ts'

const START = Date.UTC(2026, 0, 1, 12, 0, 30)
const MINUTE = 60_000

function object(spec: object): unknown {
  const template = { spec: { restartPolicy: 'Never', containers: [{ name: 'main', image: 'busybox' }] } }
  const jobTemplate = { spec: { template } }
  const metadata = { name: 'report', namespace: 'shop' }
  return {
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    metadata,
    spec: { schedule: '*/2 * * * *', jobTemplate, ...spec },
  }
}

function start(spec: object = {}) {
  const clock = new ManualClock(START)
  const outcomes = new Map<string, JobOutcome>()
  const cronJob = parseObject(object(spec), () => {}).object as CronJobObject
  const outcomeOf = (job: JobObject) => outcomes.get(job.name)
  const controller = new CronJobController(cronJob, clock, outcomeOf, () => {})
  const names = () => controller.jobs.map((job) => job.name)
  return { clock, controller, outcomes, names }
}

const nameAt = (minutes: number) => `report-${Math.floor(START / MINUTE) + minutes}`

t.test('a Job whenever the schedule says so, named after the minute', async (t) => {
  const { clock, controller, names } = start()
  clock.advance(89_999)
  t.strictSame(names(), [])
  clock.advance(1)
  t.strictSame(names(), [nameAt(2)])
  t.match(controller.jobs[0], { kind: 'Job', namespace: 'shop', completions: 1 })
  clock.advance(2 * MINUTE)
  t.strictSame(names(), [nameAt(2), nameAt(4)])
  controller.close()
  t.equal(clock.pending, 0)
})

t.test('what runs when the next is due', async (t) => {
  const forbid = start({ concurrencyPolicy: 'Forbid' })
  forbid.clock.advance(4 * MINUTE)
  t.strictSame(forbid.names(), [nameAt(2)])
  forbid.outcomes.set(nameAt(2), 'Complete')
  forbid.clock.advance(2 * MINUTE)
  t.strictSame(forbid.names(), [nameAt(2), nameAt(6)])
  const replace = start({ concurrencyPolicy: 'Replace' })
  replace.clock.advance(4 * MINUTE)
  t.strictSame(replace.names(), [nameAt(4)])
  const suspended = start({ suspend: true })
  suspended.clock.advance(4 * MINUTE)
  t.strictSame(suspended.names(), [])
})

t.test('of those that ended a few are kept', async (t) => {
  const { clock, outcomes, names } = start({ successfulJobsHistoryLimit: 1, failedJobsHistoryLimit: 0 })
  clock.advance(8 * MINUTE)
  for (const [minutes, outcome] of [
    [2, 'Complete'],
    [4, 'BackoffLimitExceeded'],
    [6, 'Complete'],
  ] as const)
    outcomes.set(nameAt(minutes), outcome)
  t.strictSame(names(), [nameAt(6), nameAt(8)])
})

t.test('a schedule that is none is refused by its field; a zone is heeded', async (t) => {
  for (const spec of [{ schedule: 'often' }, { schedule: '* * * * * *' }, { timeZone: 'Nowhere/City' }]) {
    const refused = { code: 'manifest.invalid_field', field: 'spec.schedule' }
    t.throws(() => parseObject(object(spec), () => {}), refused, JSON.stringify(spec))
  }
  const { clock, names } = start({ schedule: '3 13 * * *', timeZone: 'Europe/Berlin' })
  clock.advance(3 * MINUTE)
  t.equal(names().length, 1)
})
