import t from 'tap'
import { silentLogger } from '../../core/log.ts'
import { captureRules, defaultCapture } from '../rules/capture.ts'
import type { CommandResult } from '../rules/iptables.ts'
import { answerCni } from './plugin.ts'
import type { PluginHost } from './plugin.ts'

const EMPTY = '*nat\nCOMMIT\n'
const PREVIOUS = {
  cniVersion: '1.0.0',
  interfaces: [{ name: 'eth0', sandbox: '/run/netns/cni-1' }],
  ips: [{ address: '10.1.0.7/24', interface: 0 }],
}
const POD = {
  CNI_CONTAINERID: 'abc-1',
  CNI_NETNS: '/run/netns/cni-1',
  CNI_IFNAME: 'eth0',
  CNI_ARGS: 'IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-1',
  CNI_PATH: '/opt/cni/bin',
}

/** A pod's two nat tables, and a node. */
function fakeHost(change: Partial<PluginHost> = {}) {
  const tables: Record<string, string> = { iptables: EMPTY, ip6tables: EMPTY }
  const calls: string[] = []
  const host: PluginHost = {
    async run(program, args, input): Promise<CommandResult> {
      calls.push([program, ...args].join(' '))
      const family = program.startsWith('ip6') ? 'ip6tables' : 'iptables'
      if (program.endsWith('-save')) return { code: 0, stdout: tables[family] ?? '', stderr: '' }
      if (!args.includes('--test') && !args.includes('--version'))
        tables[family] = input.includes('-X ') ? EMPTY : input.replaceAll(/^-D .*\n/gm, '')
      return { code: 0, stdout: '', stderr: '' }
    },
    ifInet6: () => 'fd770000000000000000000000000002 02 40 00 80 eth0\n',
    status: () => 'CapEff:\t000001ffffffffff\n',
    logger: silentLogger,
    isInside: (netns) => netns === POD.CNI_NETNS,
    ...change,
  }
  return { host, tables, calls }
}

interface Call {
  readonly command: string
  readonly env?: Readonly<Record<string, string>>
  readonly annotations?: object
  readonly configuration?: object
}

const input = ({ annotations, configuration = {} }: Pick<Call, 'annotations' | 'configuration'>) =>
  JSON.stringify({
    cniVersion: '1.0.0',
    name: 'pods',
    type: 'weft-cni',
    ...(annotations && { runtimeConfig: { 'io.kubernetes.cri.pod-annotations': annotations } }),
    prevResult: PREVIOUS,
    ...configuration,
  })

async function call(host: PluginHost, { command, env = {}, ...more }: Call) {
  const { stdout, code } = await answerCni({ ...POD, CNI_COMMAND: command, ...env }, input(more), host)
  return { code, said: stdout === '' ? undefined : (JSON.parse(stdout) as Record<string, unknown>) }
}

const INJECTED = {
  'weft.dev/capture': '["--exclude-inbound-ports","9090"]',
  'kubernetes.io/config.source': 'api',
}
const WANTED = { ...defaultCapture, excludeInboundPorts: [9090] }

t.test('ADD sets the rules of both families and hands on what came before', async (t) => {
  const { host, tables } = fakeHost()
  t.strictSame(await call(host, { command: 'ADD', annotations: INJECTED }), { code: 0, said: PREVIOUS })
  t.same(tables, { iptables: captureRules(WANTED, 4), ip6tables: captureRules(WANTED, 6) })
})

t.test('CHECK tells whether they are in force', async (t) => {
  const { host, tables } = fakeHost()
  await call(host, { command: 'ADD', annotations: INJECTED })
  t.strictSame(await call(host, { command: 'CHECK', annotations: INJECTED }), { code: 0, said: undefined })
  tables['ip6tables'] = EMPTY
  t.match(await call(host, { command: 'CHECK', annotations: INJECTED }), {
    code: 1,
    said: { cniVersion: '1.0.0', code: 101, msg: /shop\/web-1 are not in force: IPv6: 0 jumps/ },
  })
  t.match(
    await call(host, { command: 'CHECK', annotations: {} }),
    { code: 0 },
    'a pod without a sidecar is in order',
  )
})

t.test('DEL takes them away, and again, and where nothing is left', async (t) => {
  const { host, tables, calls } = fakeHost()
  await call(host, { command: 'ADD', annotations: INJECTED })
  for (let times = 0; times < 2; times++) {
    t.strictSame(await call(host, { command: 'DEL', annotations: INJECTED }), { code: 0, said: undefined })
    t.same(tables, { iptables: EMPTY, ip6tables: EMPTY })
  }
  calls.length = 0
  for (const env of [{ CNI_NETNS: '' }, { CNI_NETNS: '/run/netns/gone' }]) {
    const gone = { command: 'DEL', annotations: INJECTED, env, configuration: { prevResult: undefined } }
    t.strictSame(await call(host, gone), { code: 0, said: undefined })
  }
  t.same(calls, [], 'nothing is done elsewhere')
  const broken = fakeHost({ run: async () => Promise.reject(new Error('no iptables')) })
  t.match(
    await call(broken.host, { command: 'DEL', annotations: INJECTED }),
    { code: 0 },
    'a pod can always end',
  )
})

t.test('a pod without a sidecar costs nothing and changes nothing', async (t) => {
  for (const annotations of [undefined, {}, { 'weft.dev/status': '{}' }]) {
    const { host, calls } = fakeHost()
    const its = annotations === undefined ? {} : { annotations }
    t.strictSame(await call(host, { command: 'ADD', ...its }), { code: 0, said: PREVIOUS })
    t.same(calls, [])
  }
})

t.test('nothing is ever set but inside of the pod', async (t) => {
  const { host, calls } = fakeHost({ isInside: () => false })
  for (const command of ['ADD', 'CHECK'])
    t.match(await call(host, { command, annotations: INJECTED }), {
      code: 1,
      said: { code: 3, msg: /web-1 has no network/ },
    })
  t.same(calls, [])
})

t.test('rules that cannot be set fail the pod, and say why', async (t) => {
  const { host } = fakeHost({
    run: async () => ({ code: 1, stdout: '', stderr: "can't initialize iptables table `nat'" }),
  })
  t.match(await call(host, { command: 'ADD', annotations: INJECTED }), {
    code: 1,
    said: { cniVersion: '1.0.0', code: 100, msg: /^weft-cni: iptables-restore finds no nat table/ },
  })
})

t.test('an annotation that the injector did not write is refused, and starts nothing', async (t) => {
  for (const text of [
    'all',
    '{}',
    '[1]',
    '["--print"]',
    '["--remove"]',
    '["--validate"]',
    '["--help"]',
    '["--no-such"]',
    '["--proxy-uid","0"]',
    '["--exclude-outbound-cidrs","10.0.0.0/8 -j ACCEPT"]',
    `["${'9'.repeat(70_000)}"]`,
  ]) {
    const { host, calls } = fakeHost()
    const answer = await call(host, { command: 'ADD', annotations: { 'weft.dev/capture': text } })
    t.match(
      answer,
      { code: 1, said: { code: 7, msg: /annotation weft\.dev\/capture of pod shop\/web-1: / } },
      text.slice(0, 60),
    )
    t.same(calls, [])
  }
  const { host } = fakeHost()
  t.match(await call(host, { command: 'ADD', annotations: { 'weft.dev/capture': 7 } }), {
    code: 1,
    said: { code: 7 },
  })
})

t.test('VERSION, STATUS and GC', async (t) => {
  const { host } = fakeHost()
  t.strictSame(await call(host, { command: 'VERSION' }), {
    code: 0,
    said: { cniVersion: '1.1.0', supportedVersions: ['0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'] },
  })
  const bare = { CNI_CONTAINERID: '', CNI_NETNS: '', CNI_IFNAME: '' }
  const configuration = { cniVersion: '1.1.0', prevResult: undefined, 'cni.dev/valid-attachments': [] }
  for (const command of ['STATUS', 'GC'])
    t.strictSame(
      await call(host, { command, env: bare, configuration }),
      { code: 0, said: undefined },
      command,
    )
  const broken = fakeHost({ run: async () => Promise.reject(new Error('spawn ENOENT')) })
  t.match(await call(broken.host, { command: 'STATUS', env: bare, configuration }), {
    code: 1,
    said: { cniVersion: '1.1.0', code: 50, msg: /iptables-restore does not run/ },
  })
})

t.test('each mistake of a call has its code of the specification', async (t) => {
  const { host, calls } = fakeHost()
  const wrong: readonly (readonly [Call, number, RegExp])[] = [
    [{ command: 'UPDATE' }, 4, /CNI_COMMAND must be one of/],
    [{ command: 'ADD', env: { CNI_NETNS: '' } }, 4, /ADD needs CNI_NETNS/],
    [
      { command: 'ADD', env: { CNI_CONTAINERID: '', CNI_IFNAME: '' } },
      4,
      /needs CNI_CONTAINERID, CNI_IFNAME/,
    ],
    [{ command: 'DEL', env: { CNI_CONTAINERID: '' } }, 4, /DEL needs CNI_CONTAINERID/],
    [{ command: 'ADD', env: { CNI_CONTAINERID: '../x' } }, 4, /CNI_CONTAINERID is not/],
    [{ command: 'ADD', env: { CNI_IFNAME: 'a/b' } }, 4, /CNI_IFNAME is not/],
    [{ command: 'ADD', env: { CNI_IFNAME: 'x'.repeat(16) } }, 4, /CNI_IFNAME is not/],
    [{ command: 'ADD', configuration: { cniVersion: '2.0.0' } }, 1, /cniVersion 2\.0\.0 is not served/],
    [{ command: 'ADD', configuration: { cniVersion: 1 } }, 7, /cniVersion must be a string/],
    [{ command: 'ADD', configuration: { prevResult: undefined } }, 7, /prevResult is missing/],
    [{ command: 'CHECK', configuration: { prevResult: undefined } }, 7, /prevResult is missing/],
    [{ command: 'ADD', configuration: { runtimeConfig: [] } }, 7, /runtimeConfig must be an object/],
  ]
  for (const [one, code, msg] of wrong) {
    const { said, ...rest } = await call(host, one)
    t.match({ ...rest, said }, { code: 1, said: { code, msg, cniVersion: /^1\./ } }, JSON.stringify(one))
  }
  for (const text of ['', '{', 'null', '[]', '7']) {
    const { stdout, code } = await answerCni({ ...POD, CNI_COMMAND: 'ADD' }, text, host)
    t.match({ code, said: JSON.parse(stdout) }, { code: 1, said: { code: 6, cniVersion: '1.1.0' } }, text)
  }
  t.same(calls, [])
})
