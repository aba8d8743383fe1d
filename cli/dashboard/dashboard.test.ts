import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { request } from 'undici'
import { FakeApi } from '../../control-plane/kubernetes/testing/fake-api.ts'
import { kubeconfigText } from '../../control-plane/kubernetes/testing/kubeconfig-text.ts'
import { fakeKubelet } from '../cluster/testing/fake-kubelet.ts'
import { browserProgram } from './browser.ts'

const PROGRAM = join(import.meta.dirname, '../weft.ts')
const PODS = '/api/v1/namespaces/weft-system/pods'

/** Starts `weft dashboard`; what it said, and when it said it, is to be waited for. */
function dashboard(t: Test, argv: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const child = spawn(process.execPath, [PROGRAM, 'dashboard', ...argv], {
    env: { ...process.env, KUBECONFIG: '', HOME: '/nonexistent', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  t.teardown(() => child.kill('SIGKILL'))
  const said = { stdout: '', stderr: '' }
  const heard = new Set<() => void>()
  for (const stream of ['stdout', 'stderr'] as const)
    child[stream].on('data', (chunk: Buffer) => {
      said[stream] += chunk.toString()
      for (const look of heard) look()
    })
  const over = once(child, 'close').then(([code]) => ({ code: code as unknown, ...said }))
  const until = (stream: keyof typeof said, pattern: RegExp) =>
    new Promise<string>((resolve, reject) => {
      const look = () => pattern.test(said[stream]) && resolve(said[stream])
      heard.add(look)
      look()
      void over.then(() => reject(new Error(`it ended: ${JSON.stringify(said)}`)))
    })
  return { child, over, until }
}

/** An API server with pods of the control plane: names, and whether each is ready. */
async function cluster(t: Test, pods: Readonly<Record<string, boolean>>) {
  const api = await FakeApi.start(t)
  for (const [name, ready] of Object.entries(pods)) put(api, name, ready)
  const directory = t.testdir({ config: kubeconfigText(api.connect(t).server) })
  return { api, kubeconfig: join(directory, 'config') }
}

function put(api: FakeApi, name: string, ready: boolean): void {
  const status = { conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] }
  api.put(`${PODS}/${name}`, { metadata: { name }, status })
}

/** What answers as a control plane would: each path with itself, and much of it. */
async function page(t: Test): Promise<number> {
  const server = createServer((request, response) =>
    response.end(`${request.url} ${'x'.repeat(200_000)}`),
  ).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

/** By a connection of its own. */
const get = async (address: string, path: string) => {
  const { body } = await request(address + path, { reset: true })
  return (await body.text()).replace(/x+$/, '').trim()
}

t.test('of a cluster: many connections to a control plane that is ready, until Ctrl-C', async (t) => {
  const { api, kubeconfig } = await cluster(t, { 'cp-0': false, 'cp-1': true })
  const kubelet = fakeKubelet(t, await page(t))
  api.upgrade = kubelet.upgrade
  const { child, over, until } = dashboard(t, ['--kubeconfig', kubeconfig, '--json'])
  const { address, ...facts } = JSON.parse(await until('stdout', /\}\n$/)) as { address: string }
  t.strictSame(facts, { mesh: 'cluster', namespace: 'weft-system', pod: 'cp-1' })
  t.match(address, /^http:\/\/127\.0\.0\.1:\d+$/)
  const paths = Array.from({ length: 12 }, (_, i) => `/api/${i}`)
  t.strictSame(await Promise.all(paths.map((path) => get(address, path))), paths)
  t.ok(kubelet.asked.length > 1)
  const forward = { url: `${PODS}/cp-1/portforward?ports=15080`, authorization: 'Bearer secret-token' }
  for (const asked of kubelet.asked) t.strictSame(asked, forward)

  // The pod makes way for another: what is asked meanwhile fails, and what comes later goes there.
  put(api, 'cp-1', false)
  put(api, 'cp-2', true)
  kubelet.refusal = 'no such container'
  await t.rejects(get(address, '/meanwhile'))
  t.match(
    await until('stderr', /no such/),
    /^forwarded to weft-system\/cp-1[^\n]*\nweft dashboard: no such container\n$/,
  )
  kubelet.refusal = undefined
  t.equal(await get(address, '/later'), '/later')
  t.match(kubelet.asked.at(-1)?.url, /\/cp-2\//)
  child.kill('SIGINT')
  t.match(await over, { code: 0 })
})

t.test('of a cluster that has none, or at a port that is taken: one line', async (t) => {
  const { kubeconfig } = await cluster(t, { 'cp-0': true })
  const taken = await page(t)
  t.strictSame(await dashboard(t, ['--kubeconfig', kubeconfig, '--port', String(taken)]).over, {
    code: 1,
    stdout: '',
    stderr: `weft dashboard: --port: 127.0.0.1:${taken} cannot be listened on: choose another, or none for one that is free\n`,
  })
  for (const [pods, why] of [
    [{}, /^weft dashboard: there is no control plane in namespace weft-system: --weft-namespace .*\n$/],
    [
      { 'cp-0': false },
      /^weft dashboard: no control plane is ready in namespace weft-system: weft check .*\n$/,
    ],
  ] as const) {
    const { kubeconfig: own } = await cluster(t, pods)
    t.match(await dashboard(t, ['--kubeconfig', own]).over, { code: 1, stdout: '', stderr: why })
  }
})

t.test('of this machine where a mesh runs, else of the cluster; a flag chooses', async (t) => {
  const { api, kubeconfig } = await cluster(t, { 'cp-0': true })
  api.upgrade = fakeKubelet(t, await page(t)).upgrade
  const both = { KUBECONFIG: kubeconfig, TMPDIR: t.testdirName }
  const ofCluster = dashboard(t, [], both)
  t.match(await ofCluster.until('stdout', /\n$/), /^dashboard: http:\/\/127\.0\.0\.1:\d+\n$/)
  ofCluster.child.kill('SIGTERM')
  t.match(await ofCluster.over, { code: 0 })

  // The path of a socket has 107 bytes at most.
  const states = mkdtempSync(join(tmpdir(), 'weft-dash-'))
  t.teardown(() => rmSync(states, { recursive: true }))
  const here = (directory: string, address: string | null) => {
    const server = createServer((_, response) => response.end(JSON.stringify({ dashboard: address })))
    mkdirSync(join(states, directory))
    server.listen(join(states, directory, 'control.sock'))
    t.teardown(() => server.close())
    return once(server, 'listening')
  }
  await here(`weft-${userInfo().uid}-weft`, 'http://127.0.0.1:41237')
  await here('bare', null)
  const runs = { ...both, TMPDIR: states }
  const printed = 'dashboard: http://127.0.0.1:41237\n'
  t.strictSame(await dashboard(t, [], runs).over, { code: 0, stdout: printed, stderr: '' })
  t.strictSame(JSON.parse((await dashboard(t, ['--json', '--local'], runs).over).stdout), {
    mesh: 'local',
    name: 'weft',
    address: 'http://127.0.0.1:41237',
  })
  const chosen = dashboard(t, ['--context', 'x', '--json'], runs)
  t.match(JSON.parse(await chosen.until('stdout', /\}\n$/)), { mesh: 'cluster', pod: 'cp-0' })
  for (const [argv, code, stderr] of [
    [['--state-dir', join(states, 'bare')], 1, /the cluster weft of this machine runs without the mesh/],
    [['--name', 'other'], 1, /no cluster answers at .*other\/control\.sock: is it up\?/],
    [['--port', '8080'], 2, /--port: is of a cluster; .* http:\/\/127\.0\.0\.1:41237, and --context/],
    [['--local', '--context', 'x'], 2, /--local: is of the mesh on this machine, --context of a cluster/],
    [['--port', '0'], 2, /--port: "0" must be a number from 1 to 65535/],
  ] as const)
    t.match(await dashboard(t, argv, runs).over, { code, stdout: '', stderr }, argv.join(' '))
  const nowhere = await dashboard(t, [], { TMPDIR: t.testdirName, KUBECONFIG: '' }).over
  if (!process.env['KUBERNETES_SERVICE_HOST'])
    t.match(nowhere, {
      code: 1,
      stderr: /no mesh named weft runs on this machine, and no cluster is configured/,
    })
})

t.test('a browser is opened where somebody can see it', async (t) => {
  t.equal(browserProgram('darwin', {}), 'open')
  t.equal(browserProgram('linux', { DISPLAY: ':0' }), 'xdg-open')
  t.equal(browserProgram('linux', { WAYLAND_DISPLAY: 'wayland-0' }), 'xdg-open')
  t.equal(browserProgram('linux', { DISPLAY: '' }), undefined)
})
