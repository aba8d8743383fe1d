import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { reportTable } from '../demo/report.ts'
import { play } from '../demo/scenario.ts'
import { canaryWithin } from '../demo/steps/canary.ts'
import { inject } from '../demo/steps/inject.ts'
import { mtls } from '../demo/steps/mtls.ts'
import { trace } from '../demo/steps/trace.ts'
import { NAMESPACE } from './chart/helm.ts'
import { startCluster } from './cluster/cluster.ts'
import { openAudit } from './mesh/audit.ts'
import { installMesh } from './mesh/install.ts'
import { DEMO_MANIFESTS, kubernetesMesh } from './mesh/kubernetes-mesh.ts'
import type { KubernetesMesh, KubernetesStep } from './story/step.ts'
import { commands } from './story/steps/commands.ts'
import { dashboard } from './story/steps/dashboard.ts'
import { gettingStarted } from './story/steps/getting-started.ts'
import { job } from './story/steps/job.ts'
import { probes } from './story/steps/probes.ts'
import { revocation } from './story/steps/revocation.ts'
import { rights } from './story/steps/rights.ts'
import { rolloutOfApplication, rolloutOfMesh } from './story/steps/rollout.ts'

const ACCOUNTS = ['weft-control-plane', 'weft-injector'].map(
  (name) => `system:serviceaccount:${NAMESPACE}:${name}`,
)

/** The demo's shop, namespaces first. The rule of inventory-route.yaml, retries, is in no standard channel of Gateway API. */
const SHOP = ['namespaces', 'catalog', 'catalog-route', 'client', 'inventory', 'web']

/** Without the faults that the demo has its retries for. */
async function shopManifest(name: string): Promise<string> {
  const text = await readFile(join(DEMO_MANIFESTS, `${name}.yaml`), 'utf8')
  return text.replace("FAIL_SHARE, value: '0.1'", "FAIL_SHARE, value: '0'")
}

t.test('from an empty cluster to a mesh that is rolled over under load', async (t) => {
  const began = performance.now()
  const seconds = () => (performance.now() - began) / 1000
  const progress = (line: string) => t.comment(`${seconds().toFixed(1).padStart(5)} s  ${line}`)
  const audit = openAudit(ACCOUNTS)
  t.teardown(() => audit.close())
  const cluster = await startCluster({
    mode: 'node',
    apiServerFlags: audit.apiServerFlags,
    onProgress: progress,
  })
  t.teardown(() => cluster.stop())
  await installMesh(cluster, progress)

  const apply = async (text: string) =>
    void (await cluster.kubectl(['apply', '--filename', '-'], { stdin: text }))
  for (const file of SHOP) await apply(await shopManifest(file))
  for (const namespace of ['shop', 'legacy'])
    await cluster.kubectl([
      'wait',
      '--for=condition=Available',
      'deployment',
      '--all',
      '--namespace',
      namespace,
      '--timeout=180s',
    ])
  progress('the shop is ready')

  const mesh: KubernetesMesh = { ...kubernetesMesh(cluster), kubernetes: cluster, apply }
  const steps: KubernetesStep[] = [
    ...[inject, mtls, canaryWithin(3), trace, dashboard, commands, job, probes, gettingStarted, revocation],
    ...[rolloutOfApplication, rolloutOfMesh, rights(audit)],
  ]
  const results = await play(steps, mesh, (name) => progress(`step ${name}`))
  for (const step of results) t.ok(step.ok, `${step.name}: ${step.observed}`)
  const report = {
    ok: results.every(({ ok }) => ok),
    seconds: Math.round(seconds() * 10) / 10,
    steps: results,
  }
  for (const line of reportTable(report).split('\n')) t.comment(line)
  t.equal(cluster.failure, undefined)
})
