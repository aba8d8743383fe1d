import { spawn, spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import t from 'tap'
import { runCommand } from '../../local/node/run-command.ts'
import { eventually } from '../demo/scenario.ts'
import { startCluster } from './cluster/cluster.ts'
import { installMesh } from './mesh/install.ts'
import { DEMO_MANIFESTS } from './mesh/kubernetes-mesh.ts'
import { accountKubeconfig } from './testing/account-kubeconfig.ts'

const WEFT = join(import.meta.dirname, '../../cli/weft.ts')
const OPERATIONS = join(import.meta.dirname, '../../docs/operations.md')
const SYSTEM = 'weft-system'
const CONTROL_PLANES = 'app.kubernetes.io/name=weft-control-plane'
const SHOP = ['namespaces', 'catalog', 'catalog-route', 'client', 'inventory', 'web']
const PATIENCE_S = 60

/** The Roles as docs/operations.md has them. */
function documentedRoles(): string {
  const [, part = ''] = readFileSync(OPERATIONS, 'utf8').split('### What people need for the commands')
  return /```yaml\n(.*?)```/s.exec(part)?.[1] ?? ''
}

const person = (name: string) => `
apiVersion: v1
kind: ServiceAccount
metadata: { name: ${name}, namespace: legacy }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: { name: ${name}, namespace: ${SYSTEM} }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: Role, name: ${name} }
subjects: [{ kind: ServiceAccount, name: ${name}, namespace: legacy }]
`

const route = (backends: string, labels = '{}') => `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: catalog, namespace: shop, labels: ${labels} }
spec:
  parentRefs: [{ group: '', kind: Service, name: catalog, port: 8080 }]
  rules: [{ backendRefs: [${backends}] }]
`
const V2 = '{ name: catalog-v2, port: 8080 }'
const SAME = '{ name: catalog-v1, port: 8080, weight: 90 }, { name: catalog-v2, port: 8080, weight: 10 }'

/** Refuses with 403, as other admission may. */
const ADMISSION = `
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: { name: no-haste }
spec:
  matchConstraints:
    resourceRules:
      - { apiGroups: [gateway.networking.k8s.io], apiVersions: ['*'], operations: [CREATE, UPDATE], resources: [httproutes] }
  validations:
    - { expression: "!has(object.metadata.labels) || !('haste' in object.metadata.labels)", message: not in haste, reason: Forbidden }
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: { name: no-haste }
spec: { policyName: no-haste, validationActions: [Deny] }
`

t.test('the commands at a mesh with two control planes, by people of few rights', async (t) => {
  const began = performance.now()
  const progress = (line: string) =>
    t.comment(`${((performance.now() - began) / 1000).toFixed(1).padStart(5)} s  ${line}`)
  const cluster = await startCluster({ mode: 'node', onProgress: progress })
  t.teardown(() => cluster.stop())
  await installMesh(cluster, progress)
  const apply = (stdin: string) => cluster.kubectl(['apply', '--filename', '-'], { stdin })
  for (const file of SHOP) await apply(await readFile(join(DEMO_MANIFESTS, `${file}.yaml`), 'utf8'))
  await apply(
    [documentedRoles(), ...['weft-view', 'weft-tap', 'weft-act'].map(person), ADMISSION].join('\n---\n'),
  )
  await cluster.kubectl([
    ...['wait', '--for=condition=Available', 'deployment', '--all'],
    ...['--namespace', 'shop', '--timeout=180s'],
  ])
  progress('the shop is ready')
  const directory = t.testdir({})
  const of = (name: string) => accountKubeconfig(cluster, directory, { namespace: 'legacy', name })
  const [view, tap, act] = await Promise.all(['weft-view', 'weft-tap', 'weft-act'].map(of))
  const admin = cluster.kubeconfig
  const weft = (kubeconfig: string | undefined, ...argv: readonly string[]) =>
    runCommand([process.execPath, WEFT, ...argv, '--kubeconfig', kubeconfig ?? ''], { timeoutMs: 60_000 })
  const json = async (kubeconfig: string | undefined, ...argv: readonly string[]) => {
    const { code, stdout, stderr } = await weft(kubeconfig, ...argv, '--json')
    t.equal(code, 0, `weft ${argv.join(' ')} ${stderr}`)
    return JSON.parse(stdout) as Record<string, unknown>
  }
  /** Runs until it is told to end, as Ctrl-C does; gives its lines and exit code. */
  const follow = (...argv: readonly string[]) => {
    const child = spawn(process.execPath, [WEFT, ...argv], { stdio: ['ignore', 'pipe', 'pipe'] })
    t.teardown(() => child.kill('SIGKILL'))
    const [lines, said]: [string[], string[]] = [[], []]
    createInterface({ input: child.stdout }).on('line', (line) => lines.push(line))
    createInterface({ input: child.stderr }).on('line', (line) => said.push(line))
    const ended = new Promise((resolve) => child.once('close', resolve))
    return { lines, said, ended, interrupt: () => (child.kill('SIGINT'), ended) }
  }
  const until = (what: string, holds: () => boolean) =>
    eventually(PATIENCE_S, what, async () => (holds() ? true : undefined))

  const load = ['node', 'load.ts', '--url', 'http://web:8080/items/1', '--seconds', '300', '--rate', '10']
  const [kubectl = '', ...args] = cluster.kubectlArgv([
    'exec',
    '-n',
    'shop',
    'deploy/client',
    '-c',
    'client',
    '--',
    ...load,
  ])
  const traffic = spawn(kubectl, args, { stdio: 'ignore' })
  t.teardown(() => traffic.kill('SIGKILL'))

  await t.test('who may view', async (t) => {
    const stat = await eventually(PATIENCE_S, 'traffic', async () => {
      const { stdout } = await weft(view, 'stat', '-n', 'shop', '--json')
      return /"name": "web".*"rate": [1-9]/s.test(stdout) ? stdout : undefined
    })
    t.match(stat, /"successRate": (1|0\.9)/)
    for (const one of ['stat', 'edges', 'routes', 'traces', 'policy list', 'policy suggest', 'lint']) {
      const namespace = one === 'lint' ? [] : ['-n', 'shop']
      if (one === 'policy suggest') t.match(await weft(view, ...one.split(' '), ...namespace), { code: 0 })
      else t.type(await json(view, ...one.split(' '), ...namespace), 'object', one)
    }
    const [pod] = (await cluster.kubectl(['get', 'pods', '-n', 'shop', '-l', 'app=web', '-o', 'name'])).split(
      '\n',
    )
    const name = pod?.replace('pod/', '') ?? ''
    t.type(await json(view, 'policy', 'effective', name, '-n', 'shop'), 'object')
    t.type(
      await json(view, 'policy', 'test', '--from', 'shop/client', '--to', 'shop/web:8080', '/'),
      'object',
    )
    t.match(await weft(view, 'why', '4bf92f3577b34da6a3ce929d0e0e4736'), { code: 1, stderr: /^weft why: / })
    t.match(await weft(view, 'tap', '-n', 'shop'), {
      code: 1,
      stderr: /"get" and "create" on pods\/portforward/,
    })
    t.match(await weft(tap, 'stat', '-n', 'shop'), { code: 1, stderr: /403 Forbidden/ })
    t.match(await weft(act, 'stat', '-n', 'shop'), { code: 1, stderr: /403 Forbidden/ })

    const watch = follow('stat', '-n', 'shop', '--watch', '--json', '--kubeconfig', view ?? '')
    await until('two rounds', () => watch.lines.length >= 2)
    t.equal(await watch.interrupt(), 0)
    for (const line of watch.lines) JSON.parse(line)
    t.strictSame(watch.said, [])

    const client = new Client({ name: 'test', version: '1' })
    const server = { command: process.execPath, args: [WEFT, 'mcp', '--kubeconfig', view ?? ''] }
    await client.connect(new StdioClientTransport(server))
    const answer = await client.callTool({ name: 'stat', arguments: { namespace: 'shop' } })
    t.match(JSON.stringify(answer), /web/)
    t.notOk(answer['isError'])
    await client.close()
  })
  progress('who may view')

  await t.test('who may act', async (t) => {
    t.match(await weft(view, 'identity', 'list'), { code: 1, stderr: /403 Forbidden/ })
    await json(act, 'identity', 'revoke', 'shop/nobody', '--reason', 'a test')
    t.match(await json(act, 'identity', 'list'), {
      revocations: [{ identities: ['spiffe://cluster.local/ns/shop/sa/nobody'], reason: 'a test' }],
    })
    await json(act, 'identity', 'restore', 'shop/nobody')
    t.match(await weft(act, 'identity', 'restore', 'shop/nobody'), { code: 1, stderr: /is not revoked/ })
  })
  progress('who may act')

  await t.test('diff, and what admission says', async (t) => {
    const diff = (text: string, kubeconfig = admin) => {
      const file = join(directory, 'route.yaml')
      writeFileSync(file, text)
      return weft(kubeconfig, 'diff', '-f', file, '-n', 'shop')
    }
    t.match(await diff(route(SAME)), { code: 0, stdout: /resources that change: none/ })
    t.match(await diff(route(V2)), { code: 3, stdout: /would go elsewhere/ })
    t.match(await diff(route(V2), view), { code: 3, stdout: /was not asked about .*cannot patch/ })
    const denied = await eventually(PATIENCE_S, 'the policy of admission', async () => {
      const found = await diff(route(SAME, "{ haste: 'yes' }"))
      return found.code === 1 ? found : undefined
    })
    t.match(denied, { stdout: /not in haste/ })
    t.match(await diff('kind: ['), { code: 1, stderr: /route\.yaml/ })
    t.match(await weft(admin, 'diff'), { code: 2, stderr: /--filename/ })
    const now = await cluster.kubectl(['get', 'httproute', 'catalog', '-n', 'shop', '-o', 'json'])
    t.match(now, /"weight": 90/, 'nothing was kept')
  })
  progress('diff')

  await t.test('check and bundle: of both control planes, without a secret', async (t) => {
    const { stdout } = await weft(admin, 'check', '--json')
    const { findings } = JSON.parse(stdout) as {
      findings: { check: string; status: string; message: string }[]
    }
    t.strictSame(
      findings.filter(({ status }) => status === 'failed'),
      [],
    )
    t.equal(findings.filter(({ check }) => check === 'serving').length, 2)
    for (const name of ['renewal', 'Node.js'])
      t.match(
        findings.find(({ check }) => check === name),
        { status: 'ok' },
      )

    const file = join(directory, 'bundle.tar.gz')
    const { files } = (await json(admin, 'bundle', '-o', file)) as { files: { name: string }[] }
    const replicas = (
      await cluster.kubectl(['get', 'pods', '-n', SYSTEM, '-l', CONTROL_PLANES, '-o', 'name'])
    )
      .trim()
      .split('\n')
      .map((one) => one.replace('pod/', ''))
    t.equal(replicas.length, 2)
    for (const replica of replicas)
      for (const part of [
        `control-planes/${replica}/mesh.json`,
        `logs/${SYSTEM}/${replica}/control-plane.log`,
      ])
        t.ok(
          files.some(({ name }) => name === part),
          part,
        )
    const text = spawnSync('tar', ['--extract', '--gzip', '--to-stdout', '--file', file], {
      encoding: 'utf8',
      maxBuffer: 1 << 28,
    }).stdout
    t.match(text, /"trustDomain"/)
    const secrets = await knownSecrets()
    t.ok(secrets.length >= 5, `${secrets.length} secrets are looked for`)
    t.strictSame(
      secrets.filter(({ value }) => text.includes(value)).map(({ title }) => title),
      [],
    )
  })
  progress('bundle')

  /** Lines of keys, and tokens, that no file may hold: of every Secret, and of those who ask here. */
  async function knownSecrets(): Promise<{ title: string; value: string }[]> {
    const listed = JSON.parse(await cluster.kubectl(['get', 'secrets', '-A', '-o', 'json'])) as {
      items: { metadata: { name: string }; data?: Record<string, string> }[]
    }
    const ofSecrets = listed.items.flatMap(({ metadata: { name }, data = {} }) =>
      Object.entries(data).flatMap(([key, value]) => {
        const text = Buffer.from(value, 'base64').toString('utf8')
        // The second line of a key in PEM is its own; certificates beside it are no secret.
        const keys = [...text.matchAll(/PRIVATE KEY-----\\n(.{40,})/g)].map(([, line = '']) => line)
        const pem = [...text.matchAll(/PRIVATE KEY-----\n([^-]{60,64}\n[^-]+)/g)].map(
          ([, body = '']) => body.trim().split('\n').at(-1) ?? '',
        )
        const whole = /CERTIFICATE/.test(text) ? [] : [value]
        return [...keys, ...pem, ...whole]
          .filter((one) => one.length >= 16)
          .map((one) => ({ title: `${name} ${key}`, value: one }))
      }),
    )
    const ofPeople = [view, tap, act].map((path = '') => ({
      title: path,
      value: /token: (\S+)/.exec(readFileSync(path, 'utf8'))?.[1] ?? 'no token was found',
    }))
    return [...ofSecrets, ...ofPeople]
  }

  await t.test('tap and top, when their control plane is killed', async (t) => {
    t.match(await weft(tap, 'tap', '-n', 'shop', '--count', '3', '--json'), { code: 0 })
    const flags = ['-n', 'shop', '--json', '--kubeconfig', tap ?? '']
    const [taps, top] = [follow('tap', ...flags), follow('top', ...flags)]
    await until('requests', () => taps.lines.length > 0 && top.lines.length > 0)
    await cluster.kubectl([
      ...['delete', 'pod', '-n', SYSTEM, '-l', CONTROL_PLANES],
      ...['--grace-period=0', '--force', '--wait=false'],
    ])
    for (const { said } of [taps, top])
      await until('the loss is told', () => said.some((line) => line.includes('asked for again in 2 s')))
    const requests = () => (JSON.parse(top.lines.at(-1) ?? '{}') as { requests?: number }).requests ?? 0
    const [seen, counted] = [taps.lines.length, requests()]
    await until('requests of the next one', () => taps.lines.length > seen && requests() > counted)
    for (const one of [taps, top]) {
      t.equal(await one.interrupt(), 0)
      for (const line of one.lines) JSON.parse(line)
    }
  })
  progress('tap and top')
  t.equal(cluster.failure, undefined)
})
