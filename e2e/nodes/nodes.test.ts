import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { startCluster } from '../../local/cluster.ts'
import type { LocalCluster } from '../../local/cluster.ts'
import { findLacks, thisMachine } from '../../local/requirements.ts'
import { manifests } from './manifests.ts'
import { insideVxlan, packetsOf } from './packets.ts'
import type { Packet } from './packets.ts'

// The one-machine mesh on several nodes: both networks, a node that is lost, one that comes, one that goes.

const folder = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const CLI = folder('../../cli/weft.ts')
const lacks = findLacks(thisMachine, [
  ['tcpdump', 'tcpdump'],
  ['bridge', 'iproute2'],
])
const skip = lacks.length > 0 ? lacks.map((lack) => lack.message).join('; ') : false
// TLS 1.3 says 0x0304 in supported_versions of the ServerHello (RFC 8446 section 4.2.1).
const TLS_13 = Buffer.from([0x00, 0x2b, 0x00, 0x02, 0x03, 0x04])
const MTU = { vxlan: 1450, routed: 1500 }
const TCP = 6
const UDP = 17

interface Answer {
  readonly pod: string
  readonly node: string
  readonly hostIp: string
  readonly from: string
  readonly bytes: number
  readonly header: number
}

async function until<T>(what: string, check: () => Promise<T | undefined | false>): Promise<T> {
  const deadline = Date.now() + 90_000
  for (;;) {
    const found = await check()
    if (found !== undefined && found !== false) return found
    if (Date.now() > deadline) throw new Error(`not within 90 s: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

for (const network of ['vxlan', 'routed'] as const) {
  t.test(`two nodes, ${network}`, { skip, timeout: 300_000 }, async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'weft-test-nodes-'))
    t.teardown(() => rmSync(directory, { recursive: true, force: true }))
    writeFileSync(
      join(directory, 'shop.json'),
      JSON.stringify({ apiVersion: 'v1', kind: 'List', items: manifests() }),
    )
    const cluster = await startCluster({
      manifests: [directory],
      name: `test-nodes-${process.pid}`,
      images: { 'test/nodes': folder('app'), 'weft.dev/demo': folder('../demo/app') },
      nodes: { count: 2, network, zones: ['zone-a', 'zone-b'] },
    })
    t.teardown(() => cluster.close())
    await cluster.ready
    const weft = (...argv: string[]) =>
      execFileSync(process.execPath, [CLI, 'local', ...argv, '--state-dir', cluster.stateDir], {
        encoding: 'utf8',
      })
    const pods = async (namespace: string, app: string) => {
      const all = (await cluster.status()).pods
      return all.filter(
        (pod) => pod.namespace === namespace && pod.labels['app'] === app && pod.ready && !pod.terminating,
      )
    }
    const server = async (namespace: string, node: string) =>
      (await pods(namespace, 'server')).find((pod) => pod.node === node)!
    const [client] = await pods('plain', 'client')
    const [meshedClient] = await pods('shop', 'client')

    await t.test(
      'a pod knows its node, and calls come from its own address: nothing is translated',
      async (t) => {
        t.same((await pods('shop', 'server')).map((pod) => pod.node ?? '').sort(), ['node-1', 'node-2'])
        t.same((await pods('plain', 'agent')).map((pod) => pod.node ?? '').sort(), ['node-1', 'node-2'])
        const far = await server('plain', 'node-2')
        t.match(far.ips[0], /^10\.244\.2\./)
        t.equal(far.labels['topology.kubernetes.io/zone'], 'zone-b')
        const direct = await ask(cluster, 'plain/client', `http://${far.ips[0]}:8080/`)
        t.same(
          { node: direct.node, hostIp: direct.hostIp, from: direct.from },
          { node: 'node-2', hostIp: '172.30.0.12', from: client?.ips[0] },
        )
        const seen = new Set<string>()
        await until('the Service leads to both nodes', async () => {
          const answer = await ask(cluster, 'plain/client', 'http://server:8080/')
          t.equal(answer.from, client?.ips[0], 'through the address of a Service, too')
          return seen.add(answer.node).size === 2
        })
      },
    )

    await t.test('on the wire: pod addresses, and TLS between sidecars', async (t) => {
      const far = await server('shop', 'node-2')
      const plain = await server('plain', 'node-2')
      const wire = await captured(cluster, async () => {
        // By pod address, so that each surely goes to the other node.
        await ask(cluster, 'shop/client', `http://${far.ips[0]}:8080/`, { 'x-mark': 'secret-of-shop' })
        await ask(cluster, 'plain/client', `http://${plain.ips[0]}:8080/`, { 'x-mark': 'open-to-all' })
      })
      const outer = packetsOf(wire)
      const overlay = outer.flatMap((packet) => insideVxlan(packet) ?? [])
      const between = (list: readonly Packet[], a: string | undefined, b: string | undefined) =>
        list.filter(
          ({ source, destination, protocol }) => source === a && destination === b && protocol === TCP,
        )
      const [own, other] = network === 'vxlan' ? [overlay, outer] : [outer, overlay]
      t.ok(between(own, meshedClient?.ips[0], far.ips[0]).length > 0, 'requests')
      const answers = between(own, far.ips[0], meshedClient?.ips[0])
      t.ok(Buffer.concat(answers.map(({ payload }) => payload)).includes(TLS_13), 'TLS 1.3')
      t.equal(between(other, meshedClient?.ips[0], far.ips[0]).length, 0)
      if (network === 'vxlan') {
        const carriers = outer.filter((packet) => insideVxlan(packet))
        t.ok(
          carriers.every(
            ({ source, destination }) =>
              /^172\.30\.0\.1[12]$/.test(source) && /^172\.30\.0\.1[12]$/.test(destination),
          ),
        )
      }
      t.notOk(wire.includes('secret-of-shop'))
      t.ok(wire.includes('open-to-all'), 'unless this is seen, nothing would be')
    })

    await t.test(
      'packets of the whole MTU pass, and none of one more; so do a large body and a large header',
      async (t) => {
        const far = await server('plain', 'node-2')
        const largest = MTU[network] - 28
        const wire = await captured(cluster, async () => {
          await datagram(cluster, far.ips[0] ?? '', largest)
          await datagram(cluster, far.ips[0] ?? '', largest + 1)
        })
        const packets = packetsOf(wire).flatMap((outer) => {
          const inner = network === 'vxlan' ? insideVxlan(outer) : outer
          return inner?.destination === far.ips[0] && inner?.protocol === UDP ? [{ outer, inner }] : []
        })
        t.same(
          packets
            .filter(({ inner }) => !inner.fragment)
            .map(({ inner }) => ({ length: inner.length, dontFragment: inner.dontFragment })),
          [{ length: MTU[network], dontFragment: true }],
        )
        t.ok(packets.every(({ outer }) => outer.length <= 1500 && (network === 'routed' || !outer.fragment)))
        for (const namespace of ['plain', 'shop']) {
          const { ips } = await server(namespace, 'node-2')
          const body = 100 << 20
          const answer = await ask(cluster, `${namespace}/client`, `http://${ips[0]}:8080/`, {}, body)
          t.equal(answer.bytes, body, `100 MiB in ${namespace}`)
        }
        // A sidecar takes 60 KiB of header at most.
        const { ips } = await server('shop', 'node-2')
        const answer = await ask(cluster, 'shop/client', `http://${ips[0]}:8080/`, {
          'x-large': 'x'.repeat(14_000),
        })
        t.equal(answer.header, 14_000)
      },
    )

    await t.test("a Service with PreferSameZone answers from the caller's node", async (t) => {
      const nodes = new Set<string>()
      for (let i = 0; i < 20; i++) nodes.add((await ask(cluster, 'shop/client', 'http://near:8080/')).node)
      t.same([...nodes], ['node-1'])
    })

    await t.test(
      'a node is lost under load: no request fails, and its pods are made elsewhere',
      async (t) => {
        const lost = await server('shop', 'node-2')
        const { report } = await load(cluster)
        t.equal(weft('node', 'stop', 'node-2'), 'node-2\n')
        await until('the endpoint gone', async () => {
          const service = (await cluster.status()).services.find(
            (own) => own.namespace === 'shop' && own.name === 'server',
          )
          return !service?.endpoints.includes(lost.ips[0] ?? '')
        })
        await until('two again', async () => {
          const now = await pods('shop', 'server')
          return now.length === 2 && now.every((pod) => pod.node === 'node-1')
        })
        await endLoad(cluster)
        const { failures, sent } = await report
        t.ok(sent > 0)
        t.same(failures, {})
        t.match(weft('status'), /node-2 +NotReady/)
      },
    )

    await t.test('it comes back, another joins, and one is drained under load', async (t) => {
      weft('node', 'start', 'node-2')
      t.equal(weft('node', 'add', '--zone', 'zone-c'), 'node-3\n')
      const agents = await until('an agent on each', async () => {
        const all = await pods('plain', 'agent')
        return all.length === 3 && all
      })
      t.same(agents.map((pod) => pod.node ?? '').sort(), ['node-1', 'node-2', 'node-3'])
      const joined = agents.find((pod) => pod.node === 'node-3')
      const answer = await ask(cluster, 'plain/client', `http://${joined?.ips[0]}:8080/`)
      t.same([answer.node, answer.from], ['node-3', client?.ips[0]])

      await cluster.deletePod((await pods('shop', 'server'))[0]?.name ?? '')
      const moved = await until('one of the servers elsewhere', async () => {
        const now = await pods('shop', 'server')
        return now.length === 2 && now.find((pod) => pod.node !== 'node-1')
      })
      const { report } = await load(cluster)
      weft('node', 'drain', moved.node ?? '')
      t.match(weft('status'), new RegExp(`${moved.node} +Ready,SchedulingDisabled`))
      await until('two again', async () => {
        const now = await pods('shop', 'server')
        return now.length === 2 && now.every((pod) => pod.node !== moved.node)
      })
      await endLoad(cluster)
      t.same((await report).failures, {})
    })
  })
}

/** One request from a pod, with `body` zeros. */
async function ask(
  cluster: LocalCluster,
  pod: string,
  url: string,
  headers: Readonly<Record<string, string>> = {},
  body = 0,
): Promise<Answer> {
  const script = `
    const { request } = require('node:http')
    const [url, headers, body] = process.argv.slice(1)
    const left = { bytes: Number(body) }
    const sent = request(url, { method: left.bytes > 0 ? 'POST' : 'GET', headers: JSON.parse(headers), agent: false }, (answer) => {
      answer.setEncoding('utf8').on('data', (text) => process.stdout.write(text))
    })
    sent.on('error', (error) => { console.error(error.message); process.exitCode = 1 })
    const write = () => {
      while (left.bytes > 0) {
        const chunk = Buffer.alloc(Math.min(left.bytes, 65536))
        left.bytes -= chunk.length
        if (!sent.write(chunk)) return sent.once('drain', write)
      }
      sent.end()
    }
    write()`
  const argv = ['node', '-e', script, url, JSON.stringify(headers), String(body)]
  const { code, stdout, stderr } = await cluster.exec(pod, argv, { timeoutMs: 60_000 })
  if (code !== 0 || stdout === '') throw new Error(`${url} from ${pod}: ${code}: ${stderr} ${stdout}`)
  return JSON.parse(stdout) as Answer
}

async function captured(cluster: LocalCluster, during: () => Promise<void>): Promise<Buffer> {
  const capture = await cluster.capture()
  await during()
  return readFileSync(await capture.stop())
}

/** Sends a datagram of so many bytes to a pod that does not listen for it. */
async function datagram(cluster: LocalCluster, address: string, size: number): Promise<void> {
  const script = `
    const socket = require('node:dgram').createSocket('udp4')
    socket.send(Buffer.alloc(${size}), 9, '${address}', () => socket.close())`
  const { code, stderr } = await cluster.exec('plain/client', ['node', '-e', script], { timeoutMs: 20_000 })
  if (code !== 0) throw new Error(stderr)
}

interface LoadReport {
  readonly sent: number
  readonly failures: Readonly<Record<string, number>>
}

const LOAD_PID = '/tmp/load.pid'

/** Requests to both servers of the mesh until `endLoad`; the report comes then. */
async function load(cluster: LocalCluster): Promise<{ report: Promise<LoadReport> }> {
  const seen = new Set<string>()
  await until(
    'both servers answer',
    async () => seen.add((await ask(cluster, 'shop/client', 'http://server:8080/')).pod).size === 2,
  )
  const script = `node load.ts --url http://server:8080/ --seconds 120 --rate 100 & echo $! > ${LOAD_PID}; wait`
  const report = cluster
    .exec('shop/client', ['sh', '-c', script], { timeoutMs: 150_000 })
    .then(({ stdout }) => JSON.parse(stdout) as LoadReport)
  await until('load', async () => (await cluster.exec('shop/client', ['test', '-s', LOAD_PID])).code === 0)
  return { report }
}

async function endLoad(cluster: LocalCluster): Promise<void> {
  await cluster.exec('shop/client', ['sh', '-c', `kill -TERM $(cat ${LOAD_PID}); rm ${LOAD_PID}`])
}
