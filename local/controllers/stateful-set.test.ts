import t from 'tap'
import type { OwnedPod } from './owned-pod.ts'
import { planStatefulSet } from './stateful-set.ts'

const SET = { name: 'db', replicas: 3, firstOrdinal: 0, parallel: false, partition: 0, hash: 'new' }

function pod(ordinal: number, more: Partial<OwnedPod> = {}): OwnedPod {
  const name = `db-${ordinal}`
  const rest = { terminating: false, createdAt: 0, phase: 'Running', restarts: 0, node: '' } as const
  return { name, hash: 'new', ready: true, ...rest, ...more }
}

t.test('one after the other, each when those before it are ready', async (t) => {
  t.strictSame(planStatefulSet(SET, []), { create: [0], stop: [] })
  t.strictSame(planStatefulSet(SET, [pod(0, { ready: false })]), { create: [], stop: [] })
  t.strictSame(planStatefulSet(SET, [pod(0)]), { create: [1], stop: [] })
  t.strictSame(planStatefulSet(SET, [pod(0, { terminating: true }), pod(1), pod(2)]), {
    create: [],
    stop: [],
  })
  t.strictSame(planStatefulSet(SET, [pod(0), pod(2)]), { create: [1], stop: [] })
  t.strictSame(planStatefulSet({ ...SET, firstOrdinal: 5 }, []), { create: [5], stop: [] })
})

t.test('all at once where it says so', async (t) => {
  t.strictSame(planStatefulSet({ ...SET, parallel: true }, [pod(1, { ready: false })]), {
    create: [0, 2],
    stop: [],
  })
  const fewer = { ...SET, parallel: true, replicas: 1 }
  t.strictSame(planStatefulSet(fewer, [pod(0), pod(1), pod(2)]), { create: [], stop: ['db-2', 'db-1'] })
})

t.test('fewer pods: the highest goes first, and alone', async (t) => {
  const one = { ...SET, replicas: 1 }
  t.strictSame(planStatefulSet(one, [pod(0), pod(1), pod(10)]).stop, ['db-10'])
  t.strictSame(planStatefulSet(one, [pod(0), pod(1), pod(10, { terminating: true })]).stop, [])
})

t.test('a new template: from the highest down, one at a time, and not below the partition', async (t) => {
  const old = { hash: 'old' }
  t.strictSame(planStatefulSet(SET, [pod(0, old), pod(1, old), pod(2, old)]).stop, ['db-2'])
  t.strictSame(planStatefulSet(SET, [pod(0, old), pod(1, old), pod(2, { ready: false })]).stop, [])
  t.strictSame(planStatefulSet(SET, [pod(0, old), pod(1, old), pod(2)]).stop, ['db-1'])
  t.strictSame(planStatefulSet({ ...SET, partition: 1 }, [pod(0, old), pod(1), pod(2)]).stop, [])
  // What is broken is replaced by what may not be.
  t.strictSame(planStatefulSet(SET, [pod(0), pod(1), pod(2, { ...old, ready: false })]).stop, ['db-2'])
})
