import { join } from 'node:path'
import t from 'tap'
import { TestNetwork, whyNoNetwork } from './testing/network.ts'

// The rules against a real kernel: real sockets of different users in network namespaces of this test's own.

const PROXY = { uid: 1337, gid: 1337 }
const APP = { uid: 1000, gid: 1000 }
const RUN_INIT = join(import.meta.dirname, 'testing', 'run-init.ts')

const families = [
  {
    label: '4',
    any: '0.0.0.0',
    loopback: '127.0.0.1',
    pod: '10.77.0.2',
    peer: '10.77.0.1',
    excluded: '10.78.0.1',
    foreign: '10.99.0.9',
    length: 24,
    single: 32,
  },
  {
    label: '6',
    any: '[::]',
    loopback: '[::1]',
    pod: '[fd77::2]',
    peer: '[fd77::1]',
    excluded: '[fd78::1]',
    foreign: '[fd99::9]',
    length: 64,
    single: 128,
  },
] as const

const bare = (address: string) => address.replace(/^\[|\]$/g, '')

for (const { label, any, loopback, pod, peer, excluded, foreign, length, single } of families) {
  t.test(`IPv${label}`, { skip: whyNoNetwork() }, async (t) => {
    const network = new TestNetwork(label)
    t.teardown(() => network.remove())
    network.create([`${bare(pod)}/${length}`], [`${bare(peer)}/${length}`, `${bare(excluded)}/${single}`])
    network.ip(network.pod, 'route', 'add', `${bare(excluded)}/${single}`, 'via', bare(peer))
    // The peer sends what is meant for a foreign address through the pod, which has no route to it.
    network.ip(network.peer, 'route', 'add', `${bare(foreign)}/${single}`, 'via', bare(pod))
    const forward = label === '4' ? 'net.ipv4.ip_forward=1' : 'net.ipv6.conf.all.forwarding=1'
    network.run(network.pod, 'sysctl', '-q', '-w', forward)

    const flags = ['--exclude-inbound-ports', '9090', '--exclude-outbound-ports', '9999']
    flags.push('--exclude-outbound-cidrs', `${bare(excluded)}/${single}`)
    // Twice: the second run must leave the same rules.
    for (let run = 0; run < 2; run++) network.run(network.pod, process.execPath, RUN_INIT, ...flags)

    const at = (host: string, ...ports: number[]) => ports.map((port) => `${host}:${port}`)
    await Promise.all([
      network.answer(network.pod, PROXY, 'outbound', at(any, 15001)),
      network.answer(network.pod, PROXY, 'inbound', at(any, 15006)),
      network.answer(network.pod, PROXY, 'sidecar', [...at(any, 15021, 15090), ...at(loopback, 15000)]),
      network.answer(network.pod, APP, 'app', at(any, 8080, 9090)),
      network.answer(network.peer, APP, 'peer', at(any, 80, 9999)),
      network.answer(network.peer, APP, 'dns', at(any, 53)),
    ])
    const [app, proxy, group, outside] = await Promise.all([
      network.call(network.pod, APP, [
        ...at(peer, 80, 53, 9999, 4444),
        ...at(excluded, 80),
        ...at(loopback, 8080),
        ...at(pod, 8080),
      ]),
      network.call(network.pod, PROXY, [...at(peer, 80), ...at(pod, 8080), ...at(loopback, 8080)]),
      network.call(network.pod, { uid: 1000, gid: 1337 }, at(peer, 80)),
      network.call(network.peer, APP, [
        ...at(pod, 8080, 9090, 15021, 15090, 15001, 15006, 15000, 4444),
        ...at(foreign, 80),
      ]),
    ])

    t.equal(app[`${peer}:80`], `outbound for ${peer}:80`, 'the app goes out through the sidecar')
    t.equal(app[`${peer}:4444`], `outbound for ${peer}:4444`, 'also where nobody listens')
    t.match(app[`${peer}:53`], /^dns for/, 'DNS is direct')
    t.match(app[`${peer}:9999`], /^peer for/, 'an excluded port is direct')
    t.match(app[`${excluded}:80`], /^peer for/, 'an excluded address is direct')
    t.match(app[`${loopback}:8080`], /^app for/, 'loopback is direct')
    t.match(app[`${pod}:8080`], /^app for/, "the app's call to its own pod is direct")

    t.match(proxy[`${peer}:80`], /^peer for/, "the sidecar's user is not captured")
    t.match(proxy[`${pod}:8080`], /^app for/, 'the sidecar reaches the app at the pod address, with no loop')
    t.match(proxy[`${loopback}:8080`], /^app for/)
    t.match(group[`${peer}:80`], /^peer for/, "the sidecar's group is not captured")

    t.equal(outside[`${pod}:8080`], `inbound for ${pod}:8080`, 'what comes in goes through the sidecar')
    t.equal(outside[`${pod}:4444`], `inbound for ${pod}:4444`)
    t.match(outside[`${pod}:9090`], /^app for/, 'an excluded inbound port is direct')
    t.match(outside[`${pod}:15021`], /^sidecar for/, 'the kubelet reaches the health port')
    t.match(outside[`${pod}:15090`], /^sidecar for/, 'metrics are reached')
    t.equal(outside[`${pod}:15000`], 'ECONNREFUSED', 'admin is not reached from outside')
    t.equal(
      outside[`${pod}:15001`],
      `inbound for ${pod}:15001`,
      'the outbound port is not reached from outside',
    )
    t.equal(outside[`${pod}:15006`], `inbound for ${pod}:15006`)
    t.match(
      outside[`${foreign}:80`],
      /^E(NET|HOST)UNREACH$/,
      "another address through the pod isn't captured: no relay",
    )
  })
}

t.test('only the listed ports, and nothing left after removal', { skip: whyNoNetwork() }, async (t) => {
  const network = new TestNetwork('list')
  t.teardown(() => network.remove())
  network.create(['10.77.0.2/24'], ['10.77.0.1/24'])
  const init = (...flags: string[]) => network.run(network.pod, process.execPath, RUN_INIT, ...flags)
  // A rule that somebody else made stays.
  network.run(
    network.pod,
    'iptables',
    '-t',
    'nat',
    '-A',
    'OUTPUT',
    '-p',
    'tcp',
    '--dport',
    '7',
    '-j',
    'RETURN',
  )
  init('--include-inbound-ports', '8080', '--include-outbound-ports', '80')
  await Promise.all([
    network.answer(network.pod, PROXY, 'sidecar', ['0.0.0.0:15001', '0.0.0.0:15006']),
    network.answer(network.pod, APP, 'app', ['0.0.0.0:8080', '0.0.0.0:8081']),
    network.answer(network.peer, APP, 'peer', ['0.0.0.0:80', '0.0.0.0:81']),
  ])
  const calls = async () => ({
    ...(await network.call(network.pod, APP, ['10.77.0.1:80', '10.77.0.1:81'])),
    ...(await network.call(network.peer, APP, ['10.77.0.2:8080', '10.77.0.2:8081', '10.77.0.2:15001'])),
  })
  t.match(await calls(), {
    '10.77.0.1:80': 'sidecar for 10.77.0.1:80',
    '10.77.0.1:81': /^peer/,
    '10.77.0.2:8080': 'sidecar for 10.77.0.2:8080',
    '10.77.0.2:8081': /^app/,
  })
  t.match(network.run(network.pod, 'iptables-save', '-t', 'nat'), /--dport 15001 -j WEFT_IN_REDIRECT/)
  init('--remove')
  t.match(await calls(), { '10.77.0.1:80': /^peer/, '10.77.0.2:8080': /^app/ })
  const saved = network.run(network.pod, 'iptables-save', '-t', 'nat')
  t.notMatch(saved, /WEFT/)
  t.match(saved, /--dport 7 -j RETURN/)
})
