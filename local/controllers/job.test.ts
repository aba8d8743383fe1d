import t from 'tap'
import { ManualClock } from '../../core/clock.ts'
import type { JobObject } from '../manifest/objects.ts'
import { parseObject } from '../manifest/parse-object.ts'
import { JobController } from './job.ts'
import type { OwnedPod } from './owned-pod.ts'

function job(spec: object = {}): JobObject {
  const template = { spec: { restartPolicy: 'Never', containers: [{ name: 'main', image: 'busybox' }] } }
  const raw = { apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'sum' }, spec: { template, ...spec } }
  return parseObject(raw, () => {}).object as JobObject
}

function pod(phase: OwnedPod['phase'], index = -1, restarts = 0): OwnedPod & { index: number } {
  const rest = { hash: 'h', ready: false, terminating: false, createdAt: 0, node: '' }
  return { name: `sum-${phase}-${index}`, ...rest, phase, restarts, index }
}

function start(spec: object = {}) {
  const clock = new ManualClock()
  let turns = 0
  const controller = new JobController(job(spec), clock, () => turns++)
  return { clock, controller, turns: () => turns }
}

t.test('as many pods as may run side by side, until enough have succeeded', async (t) => {
  const { controller } = start({ completions: 3, parallelism: 2 })
  t.strictSame(controller.plan([]).create, [-1, -1])
  t.strictSame(controller.plan([pod('Succeeded'), pod('Running')]).create, [-1])
  t.strictSame(controller.plan([pod('Succeeded'), pod('Succeeded'), pod('Running')]).create, [])
  t.equal(controller.outcome, undefined)
  t.strictSame(controller.plan([pod('Succeeded'), pod('Succeeded'), pod('Succeeded')]), {
    create: [],
    stop: [],
  })
  t.equal(controller.outcome, 'Complete')
  // What it came to stays, whatever becomes of its pods.
  t.strictSame(controller.plan([]).create, [])
})

t.test('an indexed Job does each number once', async (t) => {
  const { controller } = start({ completions: 3, parallelism: 3, completionMode: 'Indexed' })
  t.strictSame(controller.plan([pod('Succeeded', 1)]).create, [0, 2])
  controller.plan([pod('Succeeded', 1), pod('Succeeded', 1), pod('Succeeded', 0)])
  t.equal(controller.outcome, undefined)
  controller.plan([pod('Succeeded', 1), pod('Succeeded', 2), pod('Succeeded', 0)])
  t.equal(controller.outcome, 'Complete')
})

t.test('after a failure it waits, longer each time, and gives up at its limit', async (t) => {
  const { controller, clock, turns } = start({ backoffLimit: 2 })
  t.strictSame(controller.plan([pod('Failed')]).create, [])
  clock.advance(999)
  t.equal(turns(), 0)
  clock.advance(1)
  t.equal(turns(), 1, 'it is planned again by itself')
  t.strictSame(controller.plan([pod('Failed')]).create, [-1])
  t.strictSame(controller.plan([pod('Failed'), pod('Failed')]).create, [])
  clock.advance(2000)
  t.strictSame(controller.plan([pod('Failed'), pod('Failed')]).create, [-1])
  controller.plan([pod('Failed'), pod('Failed'), pod('Failed')])
  t.equal(controller.outcome, 'BackoffLimitExceeded')
})

t.test('restarts in a pod count as failures, and its pod ends with it', async (t) => {
  const { controller } = start({ backoffLimit: 1 })
  t.strictSame(controller.plan([pod('Running', -1, 1)]), { create: [], stop: [] })
  t.strictSame(controller.plan([pod('Running', -1, 2)]).stop, ['sum-Running--1'])
  t.equal(controller.outcome, 'BackoffLimitExceeded')
})

t.test('a deadline ends what still runs; suspended it runs nothing', async (t) => {
  const { controller, clock, turns } = start({ activeDeadlineSeconds: 10 })
  controller.plan([pod('Running')])
  clock.advance(10_000)
  t.equal(turns(), 1)
  t.strictSame(controller.plan([pod('Running')]).stop, ['sum-Running--1'])
  t.equal(controller.outcome, 'DeadlineExceeded')
  t.strictSame(start({ suspend: true }).controller.plan([]).create, [])
})
