import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { NOT_CAPTURED_EXIT } from '../../core/contract.ts'
import { isProgramThere, removeProgram } from '../../injector/cni/node-program.ts'
import { TestNetwork, whyNoNetwork } from '../../injector/rules/testing/network.ts'
import { runCommand } from '../../local/node/run-command.ts'
import { InstalledPlugin, PREVIOUS_RESULT } from './installed-plugin.ts'

// The program that weft-cni puts on nodes, called as a runtime calls it, on a pod's network with real rules.

const RUN_INIT = join(import.meta.dirname, '../../injector/rules/testing/run-init.ts')
const APP = { uid: 1000, gid: 1000 }
const PROXY = { uid: 1337, gid: 1337 }
const INJECTED = { 'weft.dev/capture': '["--exclude-outbound-ports","9999"]' }

t.test('on a pod of both families', { skip: whyNoNetwork(), timeout: 120_000 }, async (t) => {
  const plugin = await InstalledPlugin.install()
  t.teardown(() => plugin.remove())
  const network = new TestNetwork('cni')
  t.teardown(() => network.remove())
  network.create(['10.77.0.2/24', 'fd77::2/64'], ['10.77.0.1/24', 'fd77::1/64'])
  network.ip(network.pod, 'route', 'add', 'default', 'via', '10.77.0.1')
  network.ip(network.pod, '-6', 'route', 'add', 'default', 'via', 'fd77::1')
  const netns = `/run/netns/${network.pod}`
  const saved = (family: '' | '6') => network.run(network.pod, `ip${family}tables-save`, '-t', 'nat')
  const own = () => runCommand(['iptables-save', '-t', 'nat'])
  const before = (await own()).stdout

  /** What the init container of an injected pod says, as any user without a capability. */
  const validate = () =>
    runCommand([
      ...['ip', 'netns', 'exec', network.pod, 'setpriv', '--reuid=65532', '--regid=65532', '--clear-groups'],
      ...['--inh-caps=-all', '--bounding-set=-all', 'env', '-i', process.execPath, RUN_INIT, '--validate'],
    ])
  // The network that leads nowhere says so at once, and not after the probe's time.
  network.ip(network.peer, 'route', 'add', 'unreachable', '192.0.2.0/24')
  network.ip(network.peer, '-6', 'route', 'add', 'unreachable', '2001:db8::/32')
  network.run(network.peer, 'sysctl', '-q', '-w', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1')

  const first = await validate()
  t.equal(first.code, NOT_CAPTURED_EXIT, first.stderr)
  t.match(
    first.stderr,
    /by IPv4 and IPv6 goes past its sidecar: the CNI plugin weft-cni set no rules.*Delete the pod/,
  )

  const plain = await plugin.call({ command: 'ADD', netns })
  t.match(plain, { code: 0, stderr: '' })
  t.same(JSON.parse(plain.stdout), PREVIOUS_RESULT)
  t.notMatch(saved(''), /WEFT/, 'a pod without a sidecar is left as it is')

  for (let times = 0; times < 2; times++) {
    const added = await plugin.call({ command: 'ADD', netns, annotations: INJECTED })
    t.match(added, { code: 0, stderr: '' }, added.stdout)
    t.same(JSON.parse(added.stdout), PREVIOUS_RESULT)
  }
  t.match(saved(''), /--dport 9999 -j RETURN/)
  t.match(saved('6'), /--dport 9999 -j RETURN/)
  const second = await validate()
  t.equal(second.code, 0, second.stderr)
  t.match(await plugin.call({ command: 'CHECK', netns, annotations: INJECTED }), { code: 0, stdout: '' })

  await Promise.all([
    network.answer(network.pod, PROXY, 'outbound', ['0.0.0.0:15001', '[::]:15006']),
    network.answer(network.peer, APP, 'peer', ['0.0.0.0:80', '0.0.0.0:9999']),
  ])
  t.match(await network.call(network.pod, APP, ['10.77.0.1:80', '10.77.0.1:9999']), {
    '10.77.0.1:80': 'outbound for 10.77.0.1:80',
    '10.77.0.1:9999': /^peer/,
  })

  network.run(network.pod, 'ip6tables', '-t', 'nat', '-F', 'WEFT_OUTPUT')
  const checked = await plugin.call({ command: 'CHECK', netns, annotations: INJECTED })
  t.match(
    { ...JSON.parse(checked.stdout), exit: checked.code },
    { exit: 1, code: 101, msg: /IPv6: chain WEFT_OUTPUT/ },
  )

  for (let times = 0; times < 2; times++) {
    t.match(await plugin.call({ command: 'DEL', netns, annotations: INJECTED }), { code: 0, stdout: '' })
    t.notMatch(saved('') + saved('6'), /WEFT/, 'DEL leaves nothing')
  }
  t.match(await plugin.call({ command: 'DEL', netns: '/run/netns/gone', annotations: INJECTED }), { code: 0 })
  t.match(await plugin.call({ command: 'STATUS' }), { code: 0, stdout: '' })
  t.match(await plugin.call({ command: 'GC' }), { code: 0, stdout: '' })
  t.match((await plugin.call({ command: 'VERSION' })).stdout, /"supportedVersions":\["0\.3\.0"/)

  for (const wrong of ['/run/netns/gone', '/proc/1/ns/net']) {
    const { code, stdout } = await plugin.call({ command: 'ADD', netns: wrong, annotations: INJECTED })
    t.match(
      { exit: code, ...JSON.parse(stdout) },
      { exit: 1, code: 3, msg: /has no network namespace/ },
      wrong,
    )
  }
  t.equal(
    (await own()).stdout.replaceAll(/^#.*$|\[\d+:\d+\]/gm, ''),
    before.replaceAll(/^#.*$|\[\d+:\d+\]/gm, ''),
  )

  t.ok(isProgramThere(plugin.folders))
  removeProgram(plugin.folders)
  t.notOk(isProgramThere(plugin.folders), 'and all of it goes')
  rmSync(plugin.folders.bin, { recursive: true })
  writeFileSync(plugin.folders.bin, '')
  t.notOk(isProgramThere(plugin.folders))
})
