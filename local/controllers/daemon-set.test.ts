import t from 'tap'
import { planDaemonSet } from './daemon-set.ts'

const pod = (node: string, hash = 'new', more: { ready?: boolean; terminating?: boolean } = {}) => ({
  name: `agent-${node}-${hash}`,
  node,
  hash,
  ready: true,
  terminating: false,
  createdAt: 0,
  phase: 'Running' as const,
  restarts: 0,
  ...more,
})

t.test('a DaemonSet has one pod for each node, and none for those that went', async (t) => {
  t.strictSame(planDaemonSet('new', ['a', 'b'], [pod('a')]), { create: ['b'], stop: [] })
  t.strictSame(planDaemonSet('new', ['a'], [pod('a'), pod('b')]), { create: [], stop: ['agent-b-new'] })
  t.strictSame(planDaemonSet('new', ['a'], [pod('a', 'new', { terminating: true })]).create, ['a'])
})

t.test('a new template comes to one node after the other', async (t) => {
  const old = [pod('a', 'old'), pod('b', 'old')]
  t.strictSame(planDaemonSet('new', ['a', 'b'], old).stop, ['agent-a-old'])
  const between = [pod('a', 'new', { ready: false }), pod('b', 'old')]
  t.strictSame(planDaemonSet('new', ['a', 'b'], between), { create: [], stop: [] })
  const broken = [pod('a', 'new', { ready: false }), pod('b', 'old', { ready: false })]
  t.strictSame(planDaemonSet('new', ['a', 'b'], broken).stop, ['agent-b-old'])
})
