import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { NO_EVIDENCE } from '../../control-plane/canary/evidence/step-evidence.ts'
import { STABLE_ONLY } from '../../control-plane/canary/route-shape.ts'
import type { CanaryStatus } from '../../control-plane/canary/status.ts'
import { CanaryDirectory } from '../../control-plane/canary/manifests/state-directory.ts'
import { FakeApi } from '../../control-plane/kubernetes/testing/fake-api.ts'
import { kubeconfigText } from '../../control-plane/kubernetes/testing/kubeconfig-text.ts'
import { ControlClient } from '../../local/control/client.ts'
import { startControl, type ControlDeps } from '../../local/control/server.ts'

const PROGRAM = join(import.meta.dirname, '../weft.ts')

const run = (...argv: readonly string[]) =>
  new Promise<{ code: unknown; stdout: string; stderr: string }>((resolve) => {
    execFile(process.execPath, [PROGRAM, 'canary', ...argv], (error, stdout, stderr) =>
      resolve({ code: error?.code ?? 0, stdout, stderr }),
    )
  })

const STATUS: CanaryStatus = {
  observedGeneration: 1,
  phase: 'Progressing',
  reason: 'NotEnoughRequests',
  message: 'about 40 more requests of the new version are needed to say that it is sound',
  step: 0,
  steps: 2,
  weight: 10,
  revision: 'r1',
  subject: '',
  stepStartedAt: '2026-01-31T12:00:00.000Z',
  request: '',
  held: false,
  route: { shape: { ...STABLE_ONLY, weight: 10 }, before: null },
  evidence: {
    ...NO_EVIDENCE,
    needed: 40,
    canary: { ...NO_EVIDENCE.canary, requests: 50, failed: 1, latencyMs: 12.5 },
  },
  history: [{ at: '2026-01-31T12:00:00.000Z', message: 'begins with revision r1' }],
}
const PATH = '/apis/weft.dev/v1alpha1/namespaces/shop/canaries/catalog'

async function cluster(t: Test) {
  const api = await FakeApi.start(t)
  api.put(PATH, { spec: {}, status: STATUS })
  const config = join(t.testdir({ config: kubeconfigText(api.connect(t).server) }), 'config')
  return { api, weft: (...argv: readonly string[]) => run(...argv, '--kubeconfig', config) }
}

t.test('in a cluster: what is known is told, and what is asked for stands on the object', async (t) => {
  const { api, weft } = await cluster(t)
  const all = await weft('status')
  t.match(
    all.stdout,
    /^NAMESPACE +CANARY +WEIGHT +STEP +PHASE +WHY\nshop +catalog +10 % +1 of 2 +Progressing +about 40 more/,
  )
  const one = await weft('status', 'catalog', '-n', 'shop')
  t.match(one.stdout, /canary {2}50 requests, 1 failed \(2\.00 %\), at the percentile 12\.5 ms/)
  t.match(one.stdout, 'begins with revision r1')
  const json = await weft('status', '--json')
  t.match(JSON.parse(json.stdout), {
    canaries: [{ namespace: 'shop', name: 'catalog', status: { weight: 10 } }],
  })

  const asked = await weft('promote', 'catalog', '-n', 'shop', '--full')
  t.strictSame([asked.code, asked.stdout], [0, 'asked shop/catalog to promote-full\n'])
  const annotations = api.get(PATH)?.metadata['annotations']
  t.match(annotations, { 'weft.dev/canary-request': /^promote-full \d{4}-.*Z$/ })

  const none = await weft('abort', 'other', '-n', 'shop')
  t.match(none, { code: 1, stderr: /there is no Canary shop\/other/ })
})

t.test('what is typed wrong is told in a sentence', async (t) => {
  t.match(await run('promot', 'x'), { code: 2, stderr: /did you mean promote\?/ })
  t.match(await run('promote'), { code: 2, stderr: /NAME.*is required/ })
  t.match(await run('pause', 'UPPER'), { code: 2, stderr: /"UPPER" is no name of an object/ })
  t.match(await run('status', '--local', '--context', 'x'), { code: 2, stderr: /leave one away/ })
})

t.test('on this machine the control socket takes what is asked for', async (t) => {
  // A socket's path is short.
  const root = mkdtempSync(join(tmpdir(), 'weft-test-'))
  t.teardown(() => rmSync(root, { recursive: true, force: true }))
  const canaries = new CanaryDirectory(join(root, 'canaries'))
  const deps = { canaries, stateDirectory: root, endsWith: [] } as unknown as ControlDeps
  const server = await startControl(join(root, 'control.sock'), deps)
  t.teardown(() => server.close())
  const client = new ControlClient(join(root, 'control.sock'))
  t.teardown(() => client.close())
  t.strictSame(await client.canaries(), [])
  await t.rejects(client.askCanary('shop', 'catalog', 'abort 1'), /there is no Canary shop\/catalog/)
  canaries.save('shop', 'catalog', STATUS)
  t.match(await client.canaries(), [{ namespace: 'shop', name: 'catalog', weight: 10 }])
  await client.askCanary('shop', 'catalog', 'abort 1')
  t.equal(canaries.request('shop', 'catalog'), 'abort 1')
})
