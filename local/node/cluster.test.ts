import t from 'tap'
import { systemClock } from '../../core/clock.ts'
import type { DesiredState } from '../manifest/objects.ts'
import { Nodes } from './nodes.ts'
import { Cluster, type ClusterDeps } from './cluster.ts'

const NOTHING: DesiredState = {
  namespaces: new Map(),
  serviceAccounts: new Set(),
  configMaps: new Map(),
  secrets: new Map(),
  workloads: new Map(),
  cronJobs: new Map(),
  pods: new Map(),
  services: new Map(),
  networkPolicies: new Map(),
}

t.test('nobody is told that all is ready before the rules that lead there are in force', async (t) => {
  let asked = Promise.withResolvers<void>()
  let written = Promise.withResolvers<void>()
  const deps = {
    rules: {
      apply: () => {
        asked.resolve()
        return written.promise
      },
    },
    policies: { apply: async () => {} },
    nodes: new Nodes(undefined, systemClock),
    objects: { replace: async () => {} },
    warn: (message: string) => t.fail(message),
  }
  // Without a pod nothing else is asked for.
  const cluster = new Cluster(deps as unknown as ClusterDeps)
  const heard: boolean[] = []
  cluster.watch(() => heard.push(cluster.ready))
  for (const desired of [NOTHING, { ...NOTHING }]) {
    const applied = cluster.apply(desired)
    t.equal(cluster.ready, false, 'not yet')
    await asked.promise
    t.equal(cluster.ready, false, 'the rules are not written')
    written.resolve()
    await applied
    t.equal(cluster.ready, true)
    asked = Promise.withResolvers()
    written = Promise.withResolvers()
  }
  t.strictSame(heard, [true, true])
})
