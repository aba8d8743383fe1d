import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { connect, createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { freePort } from '../core/testing/free-ports.ts'

const WEFT = join(import.meta.dirname, '..', 'cli', 'weft.ts')

/** A `weft proxy` of its own process. */
function proxy(t: Test, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const child = spawn(process.execPath, [WEFT, 'proxy', ...args], {
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  t.teardown(() => child.kill('SIGKILL'))
  const text = { out: '', err: '' }
  child.stdout.on('data', (chunk: Buffer) => (text.out += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (text.err += chunk.toString()))
  const over = once(child, 'close').then(([code, signal]) => ({
    code: code as unknown,
    signal: signal as unknown,
    ...text,
  }))
  const said = async (part: string): Promise<void> => {
    while (!text.err.includes(part)) {
      const ended = await Promise.race([once(child.stderr, 'data').then(() => false), over])
      if (ended) throw new Error(`it ended: ${text.err}`)
    }
  }
  return { child, over, said }
}

const SIDECAR = [
  '--sidecar',
  '--control-plane',
  '127.0.0.1:1',
  '--trust-domain',
  'cluster.local',
  '--state-dir',
  '/nonexistent/state',
  '--token-file',
  '/nonexistent/token',
  '--ca-file',
  '/nonexistent/ca',
]
const POD = { POD_NAME: 'web-1', POD_NAMESPACE: 'shop', POD_IPS: '10.1.0.1', SERVICE_ACCOUNT: 'web' }
const without = (flag: string) => SIDECAR.filter((_, i) => SIDECAR[i] !== flag && SIDECAR[i - 1] !== flag)
const instead = (flag: string, value: string) =>
  SIDECAR.map((one, i) => (SIDECAR[i - 1] === flag ? value : one))

const WRONG: readonly (readonly [args: readonly string[], names: string, env?: NodeJS.ProcessEnv])[] = [
  [[], '--bootstrap'],
  [['--nonsense'], '--nonsense'],
  [['--bootstrap'], '--bootstrap'],
  [['--check'], '--bootstrap'],
  [['--bootstrap', 'x', 'more'], 'more'],
  [['--bootstrap', 'x', '--access-log', 'loud'], '--access-log'],
  [['--bootstrap', 'x', '--trace-sampling', '2'], '--trace-sampling'],
  [['--bootstrap', 'x', '--drain-seconds', '-1'], '--drain-seconds'],
  [['--bootstrap', 'x', '--drain-seconds', 'soon'], '--drain-seconds'],
  [['--bootstrap', 'x', '--concurrency', '0'], '--concurrency'],
  [['--bootstrap', 'x', '--log-level', 'all'], '--log-level'],
  [['--bootstrap', 'x', '--collector', 'ftp://x'], '--collector'],
  [['--bootstrap', 'x', '--control-plane', 'a:1'], '--control-plane'],
  [[...SIDECAR, '--bootstrap', 'x'], '--bootstrap', POD],
  [[...SIDECAR, '--check'], '--check', POD],
  [without('--control-plane'), '--control-plane', POD],
  [without('--trust-domain'), '--trust-domain', POD],
  [without('--state-dir'), '--state-dir', POD],
  [without('--token-file'), '--token-file', POD],
  [without('--ca-file'), '--ca-file', POD],
  [['--bootstrap', 'x', '--passthrough-idle-seconds', '5'], '--passthrough-idle-seconds'],
  [[...SIDECAR, '--passthrough-idle-seconds', '1h'], '--passthrough-idle-seconds', POD],
  [instead('--control-plane', 'nowhere'), '--control-plane', POD],
  [instead('--trust-domain', 'Not A Domain'), '--trust-domain', POD],
  [SIDECAR, 'POD_NAME', { ...POD, POD_NAME: '' }],
  [SIDECAR, 'POD_IPS', { ...POD, POD_IPS: '10.1.0.1,web' }],
  [SIDECAR, 'SERVICE_ACCOUNT', { ...POD, SERVICE_ACCOUNT: '' }],
  [SIDECAR, 'WEFT_APP_PROBES', { ...POD, WEFT_APP_PROBES: '{' }],
  [SIDECAR, 'WEFT_PROXY_PROTOCOL', { ...POD, WEFT_PROXY_PROTOCOL: '8080' }],
]

t.test('a wrong flag ends with 2 and one line that names it', async (t) => {
  const cases = [...WRONG]
  const one = async (): Promise<void> => {
    for (let next = cases.shift(); next; next = cases.shift()) {
      const [args, names, env] = next
      const { code, err, out } = await proxy(t, args, env).over
      const shown = `${args.join(' ')} (${names})`
      t.equal(code, 2, shown)
      t.match(err, /^weft proxy: [^\n]*\n$/, `${shown}: one line`)
      t.ok(err.includes(names), `${shown}: ${err}`)
      t.equal(out, '')
    }
  }
  await Promise.all([one(), one()])
})

t.test('--help says every flag, and ends with 0', async (t) => {
  const { code, out, err } = await proxy(t, ['--help']).over
  t.strictSame([code, err], [0, ''])
  for (const flag of ['--bootstrap', '--check', '--sidecar', '--drain-seconds']) t.match(out, flag)
})

const bootstrap = (port: number) => `
static_resources:
  listeners:
    - name: front
      address: { socket_address: { address: 127.0.0.1, port_value: ${port} } }
      filter_chains:
        - filters:
            - name: tcp
              typed_config:
                '@type': type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy
                stat_prefix: front
                cluster: back
  clusters:
    - name: back
      type: STATIC
      load_assignment:
        cluster_name: back
        endpoints:
          - lb_endpoints:
              - endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: 9 } } }
`

t.test('--check says what is wrong with a file, by line and field', async (t) => {
  const directory = t.testdir({
    'good.yaml': bootstrap(8080),
    'bad.yaml': bootstrap(8080).replace('cluster: back', 'clustre: back').replace('STATIC', 'STATIK'),
  })
  t.strictSame(await proxy(t, ['--check', '--bootstrap', join(directory, 'good.yaml')]).over, {
    code: 0,
    signal: null,
    out: '',
    err: '',
  })
  const bad = await proxy(t, ['--check', '--bootstrap', join(directory, 'bad.yaml')]).over
  t.equal(bad.code, 1)
  t.match(bad.err, /bad\.yaml:12:\d+: .*clustre/)
  t.match(bad.err, /bad\.yaml:15:\d+: .*type/)
  t.notMatch(bad.err, /^ +at /m, 'no stack trace')
  const none = await proxy(t, ['--check', '--bootstrap', join(directory, 'none.yaml')]).over
  t.equal(none.code, 1)
  t.match(none.err, /^weft proxy: --bootstrap: [^\n]*none\.yaml[^\n]*\n$/)
})

t.test('SIGTERM and SIGINT end what serves with 0', async (t) => {
  const path = join(t.testdir({}), 'proxy.yaml')
  writeFileSync(path, bootstrap(0))
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    const { child, over, said } = proxy(t, ['--bootstrap', path])
    await said('proxy serving')
    child.kill(signal)
    t.match(await over, { code: 0, signal: null, err: '"message":"stopped"' }, signal)
  }
})

t.test('a port that is taken ends with 1 and one line', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  t.teardown(() => taken.close())
  const { port } = taken.address() as AddressInfo
  const path = join(t.testdir({}), 'proxy.yaml')
  writeFileSync(path, bootstrap(port))
  const { code, err } = await proxy(t, ['--bootstrap', path]).over
  t.equal(code, 1)
  t.match(
    err,
    new RegExp(`^weft proxy: cannot listen on 127\\.0\\.0\\.1:${port}: another process listens there\\n$`),
  )
})

t.test('--drain-seconds bounds the wait for what still runs', async (t) => {
  const back = createServer((socket) => socket.on('error', () => {}).write('hello'))
  back.listen(0, '127.0.0.1')
  await once(back, 'listening')
  const port = await freePort()
  const path = join(t.testdir({}), 'proxy.yaml')
  const target = (back.address() as AddressInfo).port
  writeFileSync(path, bootstrap(port).replace('port_value: 9 ', `port_value: ${target} `))
  const { child, over, said } = proxy(t, ['--bootstrap', path, '--drain-seconds', '0.3'])
  await said('proxy serving')
  const socket = connect(port, '127.0.0.1').on('error', () => {})
  t.teardown(() => {
    socket.destroy()
    back.close()
  })
  await once(socket, 'data')
  child.kill('SIGTERM')
  const { code, err } = await over
  t.equal(code, 0)
  t.match(err, /the limit is reached[^\n]*"active":1/)
})
