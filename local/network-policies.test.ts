import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { startCluster } from './cluster.ts'
import type { NodePlan } from './node/messages.ts'
import { findLacks, thisMachine } from './requirements.ts'

// NetworkPolicies between pods of a machine: who reaches whom, by real connections. What each field becomes is tried beside
// the rules, in network/policy.

const lacks = findLacks(thisMachine)
const skip = lacks.length > 0 ? lacks.map((lack) => lack.message).join('; ') : false

/** Tells of each `host:port` whether a connection is taken (`open`), refused, or lost (`silent`). */
const ASK = `
const { connect } = require('node:net')
const told = {}
const all = process.argv.slice(1)
for (const target of all) {
  const [, host, port] = /^(.*):([0-9]+)$/.exec(target)
  const socket = connect({ host, port })
  const tell = (what) => {
    socket.destroy()
    if (told[target] !== undefined) return
    told[target] = what
    if (Object.keys(told).length === all.length) {
      console.log(JSON.stringify(all.map((one) => told[one])))
      process.exit()
    }
  }
  socket.on('connect', () => tell('open')).on('error', ({ code }) => tell(code))
  setTimeout(tell, 1500, 'silent')
}`
/** A name that nobody answers for is waited for half a minute otherwise (resolv.conf(5)). */
const BRIEF_LOOKUPS = ['env', 'RES_OPTIONS=timeout:1 attempts:1']
const SERVE = `for (const port of [8080, 9090]) require('node:http').createServer((_, answer) => answer.end('ok')).listen(port, '::')`

function pod(namespace: string, name: string, command: readonly string[], more: object = {}): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace, name, labels: { app: name } },
    spec: {
      terminationGracePeriodSeconds: 0,
      containers: [{ name: 'main', image: 'none:1', command: ['node', '-e', ...command], ...more }],
    },
  }
}

const READY = { readinessProbe: { httpGet: { path: '/', port: 9090 }, periodSeconds: 1 } }
const PORTS = [
  { name: 'http', containerPort: 8080 },
  { name: 'admin', containerPort: 9090 },
]
const IDLE = ['setInterval(() => {}, 1e9)']
const OBJECTS = [
  { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'bank', labels: { team: 'money' } } },
  pod('shop', 'api', [SERVE], { ports: PORTS, ...READY }),
  pod('shop', 'web', IDLE),
  pod('shop', 'other', [SERVE], READY),
  pod('bank', 'teller', IDLE),
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { namespace: 'shop', name: 'api' },
    spec: { selector: { app: 'api' }, ports: [{ port: 80, targetPort: 8080 }] },
  },
]

function policy(name: string, spec: object): object {
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { namespace: 'shop', name },
    spec,
  }
}

const API = { podSelector: { matchLabels: { app: 'api' } } }
const WEB = { podSelector: { matchLabels: { app: 'web' } } }
const NAMES = {
  to: [
    {
      namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'kube-system' } },
      podSelector: { matchLabels: { 'k8s-app': 'kube-dns' } },
    },
  ],
  ports: [{ port: 53, protocol: 'UDP' }],
}

/** A cluster with OBJECTS, and what a test does with it. */
async function setUp(t: Test, nodes?: NodePlan) {
  const directory = mkdtempSync(join(tmpdir(), 'weft-test-policies-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const file = join(directory, 'all.json')
  const write = (objects: readonly object[]): void =>
    writeFileSync(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }))
  write(OBJECTS)
  const problems: string[] = []
  const cluster = await startCluster({
    manifests: [file],
    name: `policies-${process.pid}`,
    mesh: false,
    ...(nodes && { nodes }),
    onProblems: ({ come }) => problems.push(...come.map(({ message }) => message)),
  })
  t.teardown(() => cluster.close())
  const until = async (check: () => Promise<boolean>): Promise<void> => {
    while (!(await check())) await new Promise((resolve) => setTimeout(resolve, 20))
  }
  await until(async () => (await cluster.status()).ready)
  const { pods } = await cluster.status()
  const ipOf = (name: string, family: 4 | 6 = 4): string =>
    pods.find((own) => own.name === name)?.ips.find((ip) => ip.includes(':') === (family === 6)) ?? ''
  const ask = async (from: string, ...targets: string[]): Promise<unknown> => {
    const { stdout, stderr } = await cluster.exec(from, [...BRIEF_LOOKUPS, 'node', '-e', ASK, ...targets])
    return stdout === '' ? stderr : JSON.parse(stdout)
  }
  let number = 0
  /** These policies and no others, and what follows from them in force: a pod starts when what it was told by then is. */
  const apply = async (...policies: readonly object[]): Promise<void> => {
    const name = `mark-${number++}`
    write([...OBJECTS, ...policies, pod('shop', name, IDLE)])
    await until(async () => (await cluster.status()).pods.some((own) => own.name === name && own.ready))
  }
  const http = `${ipOf('api')}:8080`
  const admin = `${ipOf('api')}:9090`
  return { apply, ask, cluster, until, ipOf, write, problems, http, admin }
}

t.test('who reaches whom', { skip, timeout: 120_000 }, async (t) => {
  const { apply, ask, cluster, until, ipOf, write, problems, http, admin } = await setUp(t)

  await t.test('without a policy, and under one that lets nobody in', async (t) => {
    t.same(await ask('web', http, admin, 'api.shop:80'), ['open', 'open', 'open'])
    await apply(policy('nobody', API))
    t.same(await ask('web', http, admin, 'api.shop:80'), ['silent', 'silent', 'silent'])
    t.same(
      await ask('api', http, `${ipOf('other')}:8080`, 'api.shop:80'),
      ['open', 'open', 'open'],
      'it may go anywhere',
    )
    t.same(await ask('web', `${ipOf('other')}:8080`), ['open'], 'nobody else is concerned')
  })

  await t.test('one caller, one port by name; by address and by Service', async (t) => {
    await apply(policy('web', { ...API, ingress: [{ from: [WEB], ports: [{ port: 'http' }] }] }))
    t.same(await ask('web', http, admin, 'api.shop:80'), ['open', 'silent', 'open'])
    t.same(await ask('other', http), ['silent'])
    t.same(await ask('teller', http), ['silent'])
    const six = ipOf('api', 6)
    if (six === '') t.pass('this kernel has no IPv6')
    else t.same(await ask('web', `${six}:8080`, `${six}:9090`), ['open', 'silent'], 'IPv6 as well')
  })

  await t.test('namespaces, and blocks with a hole', async (t) => {
    await apply(
      policy('bank', {
        ...API,
        ingress: [{ from: [{ namespaceSelector: { matchLabels: { team: 'money' } } }] }],
      }),
    )
    t.same(await ask('teller', http), ['open'])
    t.same(await ask('web', http), ['silent'])
    const except = [`${ipOf('web')}/32`]
    await apply(
      policy('block', { ...API, ingress: [{ from: [{ ipBlock: { cidr: '10.244.0.0/16', except } }] }] }),
    )
    t.same(await ask('teller', http), ['open'])
    t.same(await ask('web', http), ['silent'])
  })

  await t.test('egress: names and one peer', async (t) => {
    const egress = [NAMES, { to: [API], ports: [{ port: 'http' }] }]
    await apply(policy('web-out', { ...WEB, policyTypes: ['Egress'], egress }))
    t.same(await ask('web', 'api.shop:80', admin, `${ipOf('other')}:8080`), ['open', 'silent', 'silent'])
    await apply(policy('web-out', { ...WEB, policyTypes: ['Egress'], egress: egress.slice(1) }))
    t.same(await ask('web', http), ['open'])
    t.notSame(await ask('web', 'api.shop:80'), ['open'], 'names are asked of the node, which is egress, too')
  })

  await t.test('a pod is isolated from its first moment on', async (t) => {
    write([
      ...OBJECTS,
      policy('nobody', { podSelector: { matchLabels: { app: 'eager' } }, policyTypes: ['Egress'] }),
      pod('shop', 'eager', [ASK, http]),
    ])
    let said = ''
    await until(async () => {
      said = ''
      try {
        for await (const text of cluster.logs('eager')) said += text
      } catch {
        // It is not there yet.
      }
      return said.includes(']')
    })
    t.match(said, /^\["silent"\]/)
  })

  await t.test('the last policy goes, and its rules with it', async (t) => {
    await apply()
    t.same(await ask('web', http, admin), ['open', 'open'])
    t.same(
      problems.filter((line) => /NetworkPolic|not run/.test(line)),
      [],
    )
  })
})

t.test(
  'pods of two nodes, and the probes of one that nobody may call',
  { skip, timeout: 120_000 },
  async (t) => {
    const nodes = { count: 2, network: 'routed', zones: [] } as const
    const { apply, ask, cluster, until, http, admin } = await setUp(t, nodes)
    const { pods } = await cluster.status()
    t.not(pods.find(({ name }) => name === 'api')?.node, pods.find(({ name }) => name === 'web')?.node)
    await apply(policy('web', { ...API, ingress: [{ from: [WEB], ports: [{ port: 'http' }] }] }))
    t.same(await ask('web', http, admin, 'api.shop:80'), ['open', 'silent', 'open'])
    t.same(await ask('teller', http), ['silent'])
    const closed = policy('late', { podSelector: { matchLabels: { tier: 'late' } } })
    const late = ['node-1', 'node-2'].map((node) => {
      const one = pod('shop', `late-${node}`, [SERVE], READY) as {
        metadata: { labels: object }
        spec: object
      }
      return {
        ...one,
        metadata: { ...one.metadata, labels: { tier: 'late' } },
        spec: { ...one.spec, nodeName: node },
      }
    })
    await apply(closed, ...late)
    await until(
      async () =>
        (await cluster.status()).pods.filter(({ name, ready }) => ready && name.startsWith('late')).length ===
        2,
    )
  },
)
