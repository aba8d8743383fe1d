import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { startCluster, type LocalCluster } from '../../local/cluster.ts'
import { findLacks, thisMachine } from '../../local/requirements.ts'
import type { Call } from './app/call.ts'
import {
  changing,
  EXTERNAL,
  EXTERNAL6,
  handWritten,
  IMAGE,
  leavingNamespace,
  manifests,
  SHARES,
} from './manifests.ts'

// What Kubernetes says of Services and addresses, and the routes of connections, between pods with sidecars that take mutual
// TLS alone. docs/traffic.md has the table of it.

const lacks = findLacks(thisMachine)
const skip = lacks.length > 0 ? lacks.map((lack) => lack.message).join('; ') : false
const BEFORE_MS = 60_000

/** Whom a server took its caller for, of the pod that the calls come from. */
const CALLER = 'spiffe://cluster.local/ns/shop/sa/db'

/** Without a byte. */
const CLOSED = /^(failed: ECONNRESET)?$/

interface Case {
  readonly name: string
  readonly call: Call
  /** The pods that answer, no other and each at least once; or what is said instead. */
  readonly pods?: readonly string[]
  readonly said?: RegExp
  /** Nothing leaves the pod: there is no TLS, and so nobody that it says who calls. */
  readonly within?: true
}

function cases(addresses: ReadonlyMap<string, readonly string[]>): readonly Case[] {
  const [own = '', own6 = ''] = addresses.get('db-0') ?? []
  const [other = '', other6 = ''] = addresses.get('db-1') ?? []
  const http = (host: string, port = 80, more: Partial<Call> = {}): Call => ({
    kind: 'http',
    host,
    port,
    ...more,
  })
  const tcp = (host: string, port = 9000, more: Partial<Call> = {}): Call => ({
    kind: 'tcp',
    host,
    port,
    ...more,
  })
  const tls = (serverName: string): Call => ({ kind: 'tls', host: 'echo', port: 8443, serverName })
  return [
    { name: 'a Service', call: http('echo', 80, { times: 20 }), pods: ['echo-v1', 'echo-v2'] },
    {
      name: 'another Service of the same port',
      call: http('second', 81, { times: 20 }),
      pods: ['echo-v1', 'echo-v2'],
    },
    {
      name: 'a target port by name, of two numbers',
      call: http('by-name', 80, { times: 20 }),
      pods: ['echo-v1', 'echo-v2'],
    },
    { name: 'ExternalName of a Service', call: http('alias'), pods: ['echo-v1'] },
    { name: 'ExternalName of a Service, TCP', call: tcp('alias'), pods: ['echo-v1'] },
    { name: 'a Service without a selector', call: http('manual'), pods: ['echo-v2'] },
    { name: 'a Service without a selector, TCP', call: tcp('manual'), pods: ['echo-v2'] },
    { name: 'an address of outside', call: http(EXTERNAL, 80, { times: 3 }), pods: ['echo-v2'] },
    { name: 'an IPv6 address of outside, TCP', call: tcp(EXTERNAL6), pods: ['echo-v2'] },
    { name: 'the endpoints of the own node', call: http('outside'), pods: ['echo-v2'] },
    { name: 'a Service without endpoints', call: http('empty'), said: /^503 .*no_healthy_upstream/ },
    { name: 'a Service without endpoints, TCP', call: tcp('empty'), said: /^failed: ECONNRESET$/ },
    // Who resolves a name to several addresses takes its own.
    { name: 'a headless Service', call: http('db', 8080), pods: ['db-0'], within: true },
    { name: "a StatefulSet's pod by name", call: http('db-1.db', 8080), pods: ['db-1'] },
    { name: "a StatefulSet's pod by name, TCP", call: tcp('db-1.db'), pods: ['db-1'] },
    { name: 'a pod by address', call: http(other, 8080), pods: ['db-1'] },
    { name: 'a pod by address, TCP', call: tcp(other), pods: ['db-1'] },
    { name: 'a pod by its IPv6 address', call: http(other6, 8080), pods: ['db-1'] },
    { name: 'itself by address', call: http(own, 8080), pods: ['db-0'], within: true },
    { name: 'itself by address, TCP', call: tcp(own), pods: ['db-0'] },
    { name: 'itself by its IPv6 address', call: http(own6, 8080), pods: ['db-0'], within: true },
    {
      name: 'itself by its name in a headless Service',
      call: http('db-0.db', 8080),
      pods: ['db-0'],
      within: true,
    },
    { name: 'itself by its Service', call: http('db-any'), pods: ['db-0'], within: true },
    { name: 'itself by its Service, TCP', call: tcp('db-any'), pods: ['db-0'] },
    { name: 'dual stack by IPv4', call: http('dual', 80, { family: 4, times: 4 }), pods: ['echo-v2'] },
    { name: 'dual stack by IPv6', call: http('dual', 80, { family: 6, times: 4 }), pods: ['echo-v2'] },
    { name: 'dual stack by IPv6, TCP', call: tcp('dual', 9000, { family: 6 }), pods: ['echo-v2'] },
    { name: 'TLS by its server name', call: tls('one.example'), pods: ['echo-v1'] },
    { name: 'TLS by a wildcard', call: tls('two.example'), pods: ['echo-v2'] },
    { name: 'TLS by a wildcard, deeper', call: tls('a.two.example'), pods: ['echo-v2'] },
    { name: 'TLS of another name', call: tls('one.example.org'), said: CLOSED },
    { name: 'TLS without a name', call: tls(''), said: CLOSED },
  ]
}

t.test('Services, addresses and routes of connections', { skip }, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'weft-test-services-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  writeFileSync(join(directory, 'shop.yaml'), manifests())
  const cluster = await startCluster({
    manifests: [directory],
    name: `services-${process.pid}`,
    images: { [IMAGE]: join(import.meta.dirname, 'app') },
  })
  t.teardown(() => cluster.close())
  await cluster.ready
  const { pods } = await cluster.status()
  const addresses = new Map(pods.map(({ name, ips }) => [name, ips]))
  writeFileSync(join(directory, 'manual.yaml'), handWritten('manual', addresses.get('echo-v2')?.[0] ?? ''))
  await until('the endpoint that was written by hand', async () => {
    const [said = ''] = await callsOf(cluster, [{ kind: 'tcp', host: 'manual', port: 9000 }])
    return said === 'echo-v2'
  })

  const all = cases(addresses)
  const answers = await callsOf(
    cluster,
    all.map(({ call }) => call),
  )
  for (const { name, call, pods, said, within } of all) {
    const own = answers.splice(0, call.times ?? 1)
    if (said) t.match(own[0], said, name)
    else t.strictSame([...new Set(own.map(podOf))].toSorted(), pods, name)
    if (pods && call.kind === 'http')
      t.strictSame(new Set(own.map(callerOf)), new Set([within ? '' : CALLER]), `${name}: who calls`)
  }

  t.test('connections by the weights of a TCPRoute', async (t) => {
    const said = await callsOf(cluster, [{ kind: 'tcp', host: 'echo', port: 9000, times: 200 }])
    const share = (pod: string): number => said.filter((one) => one === pod).length
    const total = Object.values(SHARES).reduce((sum, weight) => sum + weight, 0)
    for (const pod of ['echo-v1', 'echo-v2'] as const)
      t.ok(Math.abs(share(pod) - (200 * SHARES[pod]) / total) <= 3, `${pod} has ${share(pod)} of 200`)
    const refused = share('failed: ECONNRESET')
    t.equal(share('echo-v1') + share('echo-v2') + refused, 200, 'the rest is reset')
  })

  t.test('a caller stays with an endpoint', async (t) => {
    const said = await callsOf(cluster, [
      { kind: 'http', host: 'sticky', port: 80, times: 20 },
      { kind: 'tcp', host: 'sticky', port: 9000, times: 20 },
    ])
    t.equal(new Set(said.slice(0, 20).map(podOf)).size, 1, 'of HTTP')
    t.equal(new Set(said.slice(20)).size, 1, 'of TCP')
  })

  t.test('the ports of a Service change under load', async (t) => {
    const file = join(directory, 'changing.yaml')
    writeFileSync(file, changing(0))
    const answers = (port: number) => async (): Promise<boolean> => {
      const [said = ''] = await callsOf(cluster, [{ kind: 'http', host: 'changing', port }])
      return podOf(said) === 'echo-v1'
    }
    await until('the Service', answers(8100))
    const said = await during(cluster, { kind: 'http', host: 'changing', port: 80, times: 100 }, async () => {
      for (let edit = 1; edit <= 6; edit++) {
        writeFileSync(file, changing(edit))
        await until(`port ${8100 + edit}`, answers(8100 + edit))
      }
    })
    t.strictSame([...new Set(said.map(podOf))], ['echo-v1'], `of ${said.length} requests none fails`)
    const [old = ''] = await callsOf(cluster, [{ kind: 'http', host: 'changing', port: 8101 }])
    t.not(podOf(old), 'echo-v1', 'a port that is gone is gone')
  })

  t.test('a namespace goes and comes back under load', async (t) => {
    const file = join(directory, 'leaving.yaml')
    const call: Call = { kind: 'http', host: 'visitor.leaving', port: 80 }
    const says = (wanted: boolean) => async (): Promise<boolean> => {
      const [said = ''] = await callsOf(cluster, [call])
      return (podOf(said) === 'visitor') === wanted
    }
    const said = await during(cluster, { kind: 'http', host: 'echo', port: 80, times: 100 }, async () => {
      for (let turn = 0; turn < 2; turn++) {
        writeFileSync(file, leavingNamespace())
        await until('the namespace', says(true))
        rmSync(file)
        await until('its end', says(false))
      }
    })
    t.strictSame(
      [...new Set(said.map(podOf))].toSorted(),
      ['echo-v1', 'echo-v2'],
      `of ${said.length} none fails`,
    )
    const [gone = ''] = await callsOf(cluster, [call])
    t.match(gone, /^(503 |failed: (ENOTFOUND|ECONNRESET))/, 'whoever calls it is told so')
  })

  t.test('a pod that is not ready has what publishes it, and nothing else', async (t) => {
    await cluster.exec('shop/echo-v2', ['touch', '/tmp/unready'], { timeoutMs: BEFORE_MS })
    await until('a pod that is not ready', async () => {
      const [said = ''] = await callsOf(cluster, [{ kind: 'http', host: 'echo-v2', port: 80 }])
      return said.startsWith('503 ')
    })
    const said = await callsOf(cluster, [{ kind: 'http', host: 'published', port: 80, times: 3 }])
    t.strictSame(said.map(podOf), ['echo-v2', 'echo-v2', 'echo-v2'])
  })

  t.test('a pod that goes away gets nothing new, though it serves on', async (t) => {
    const gone = cluster.deletePod('shop/leaving')
    const calls = (times: number) => callsOf(cluster, [{ kind: 'http', host: 'pair', port: 80, times }])
    await until('the caller knows', async () => (await calls(10)).every((one) => podOf(one) === 'echo-v1'))
    t.strictSame(new Set((await calls(100)).map(podOf)), new Set(['echo-v1']))
    const { terminating } = (await cluster.status()).pods.find(({ name }) => name === 'leaving') ?? {}
    t.equal(terminating, true, 'it is there still')
    await cluster.kill('shop/leaving', { container: 'app' })
    await gone
  })
})

/** Calls from the pod `db-0`, one after another. */
async function callsOf(cluster: LocalCluster, calls: readonly Call[]): Promise<string[]> {
  const { stdout, stderr, code } = await cluster.exec(
    'shop/db-0',
    ['node', 'client.ts', JSON.stringify(calls)],
    {
      timeoutMs: BEFORE_MS,
    },
  )
  if (code !== 0) throw new Error(`the client ended with ${code}: ${stderr}`)
  return JSON.parse(stdout) as string[]
}

/** What is said to calls that are made as long as `work` lasts. */
async function during(cluster: LocalCluster, call: Call, work: () => Promise<void>): Promise<string[]> {
  const said: string[] = []
  const working = { now: true }
  const calling = (async () => {
    while (working.now) said.push(...(await callsOf(cluster, [call])))
  })()
  await work().finally(() => (working.now = false))
  await calling
  return said
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const limit = Date.now() + BEFORE_MS
  while (!(await holds())) if (Date.now() > limit) throw new Error(`waited in vain for: ${what}`)
}

function podOf(said: string): string {
  return said.startsWith('{') ? (JSON.parse(said) as { pod: string }).pod : said
}

function callerOf(said: string): string {
  return said.startsWith('{') ? (JSON.parse(said) as { caller: string }).caller : said
}
