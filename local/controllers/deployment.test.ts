import t from 'tap'
import { planDeployment } from './deployment.ts'
import type { OwnedPod } from './owned-pod.ts'

const pod = (name: string, hash: string, more: Partial<OwnedPod> = {}): OwnedPod => ({
  name,
  hash,
  ready: true,
  terminating: false,
  createdAt: 0,
  phase: 'Running',
  restarts: 0,
  node: '',
  ...more,
})

t.test('a ReplicaSet keeps pods of an older template, and makes new ones from the new', async (t) => {
  const set = (replicas: number) => ({ replicas, hash: 'new', strategy: 'keep' as const })
  const old = [pod('a', 'old'), pod('b', 'old', { createdAt: 1 })]
  t.strictSame(planDeployment(set(2), old), { create: 0, stop: [] })
  t.strictSame(planDeployment(set(3), old), { create: 1, stop: [] })
  t.strictSame(planDeployment(set(2), [pod('a', 'old', { terminating: true }), pod('b', 'old')]), {
    create: 1,
    stop: [],
  })
  // Of too many the youngest goes, or one that is not ready; not one for its template.
  t.strictSame(planDeployment(set(1), old), { create: 0, stop: ['b'] })
  t.strictSame(planDeployment(set(1), [pod('a', 'old'), pod('c', 'new', { ready: false })]).stop, ['c'])
  t.strictSame(planDeployment(set(0), old).stop.toSorted(), ['a', 'b'])
})

t.test('a Deployment replaces them, within its limits', async (t) => {
  const deployment = { replicas: 2, hash: 'new', strategy: { maxSurge: 1, maxUnavailable: 0 } }
  const old = [pod('a', 'old'), pod('b', 'old')]
  t.strictSame(planDeployment(deployment, old), { create: 1, stop: [] })
  t.strictSame(planDeployment(deployment, [...old, pod('c', 'new')]), { create: 0, stop: ['a'] })
  t.strictSame(planDeployment({ ...deployment, strategy: 'recreate' }, old), { create: 0, stop: ['a', 'b'] })
})
