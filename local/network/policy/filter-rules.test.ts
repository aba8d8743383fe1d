import t from 'tap'
import { Fields } from '../../manifest/fields.ts'
import { parseNetworkPolicy } from '../../manifest/parse-network-policy.ts'
import { DNS_POD } from './dns-peer.ts'
import { filterRules, isolatesAny, type PolicyPod } from './filter-rules.ts'
import type { NetworkPolicy } from './network-policy.ts'

// What the rules are, line by line; that they do it is tried with pods, in local/network-policies.test.ts.

function pod(namespace: string, app: string, index: number, ...ports: [string, number][]): PolicyPod {
  return {
    namespace,
    labels: { app },
    ips: [`10.244.0.${index}`, `fd00:10:244::${index}`],
    ports: ports.map(([name, containerPort]) => ({ name, containerPort, protocol: 'TCP' })),
    device: `veth${index}`,
  }
}

const PODS = [
  pod('shop', 'web', 2, ['http', 8080]),
  pod('shop', 'api', 3, ['http', 9090], ['admin', 9091]),
  pod('bank', 'pay', 4, ['http', 8081]),
  DNS_POD,
]
const NAMESPACES = new Map([
  ['shop', { team: 'a' }],
  ['bank', { team: 'b' }],
])

function policy(spec: object, namespace = 'shop'): NetworkPolicy {
  return parseNetworkPolicy(new Fields({ spec }, '', () => {}), namespace, 'one')
}

/** The rules of one chain, without its name and without comments. */
function chain(name: string, policies: readonly NetworkPolicy[], family: 4 | 6 = 4): string[] {
  return filterRules({ policies, pods: PODS, namespaces: NAMESPACES }, family)
    .split('\n')
    .flatMap((line) => (line.startsWith(`-A ${name} `) ? [line.slice(name.length + 4)] : []))
    .map((line) => line.replace(/-m comment --comment "[^"]*" /, ''))
}

const RESET = '-j MARK --set-xmark 0x0/0x8000'
const ALLOW = '-j MARK --set-xmark 0x8000/0x8000'
const DROP = '-m mark ! --mark 0x8000/0x8000 -j DROP'
/** What a chain allows, between its first and its last rule. */
const allowed = (of: readonly string[]): string[] =>
  of.slice(1, -1).map((line) => line.replace(/(?<=.) -j MARK .*/, ''))

const API = { podSelector: { matchLabels: { app: 'api' } } }

t.test('nobody is isolated whom no policy selects', async (t) => {
  const state = { pods: PODS, namespaces: NAMESPACES }
  t.notOk(isolatesAny({ ...state, policies: [policy({ podSelector: { matchLabels: { app: 'none' } } })] }))
  t.ok(isolatesAny({ ...state, policies: [policy({ podSelector: {} })] }))
  const text = filterRules({ ...state, policies: [policy(API)] }, 4)
  t.match(text, /^:IN-veth3 /m)
  t.notMatch(text, /veth2|veth4|OUT-/)
  t.match(
    filterRules({ ...state, policies: [] }, 4),
    /^\*filter\n:INPUT ACCEPT[^-]*COMMIT\n$/,
    'and all rules go with the last',
  )
})

t.test('what is open stays, a pod reaches itself, and the node every pod', async (t) => {
  const both = policy({ ...API, policyTypes: ['Ingress', 'Egress'] })
  t.same(chain('FORWARD', [both]), [
    '-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
    '! -i veth+ -s 10.244.0.1 -j ACCEPT',
    '-i veth3 -o veth3 -j ACCEPT',
    '-i veth3 -j OUT-veth3',
    '-i veth3 -o veth3 -j ACCEPT',
    '-o veth3 -j IN-veth3',
  ])
  t.same(
    chain('INPUT', [both]),
    ['-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT', '-i veth3 -j OUT-veth3'],
    'what a pod asks of the node is egress, too',
  )
  t.same(chain('OUTPUT', [both]), [])
  t.same(chain('IN-veth3', [both]), [RESET, DROP])
  t.same(chain('OUT-veth3', [both], 6).slice(1, 3), [
    '-p ipv6-icmp -m icmp6 --icmpv6-type 135 -j RETURN',
    '-p ipv6-icmp -m icmp6 --icmpv6-type 136 -j RETURN',
  ])
})

t.test('who may come', async (t) => {
  const from = (...peers: object[]): string[] =>
    allowed(chain('IN-veth3', [policy({ ...API, ingress: [{ from: peers }] })]))
  t.same(from(), [ALLOW], 'an empty list is anybody')
  t.same(from({ podSelector: { matchLabels: { app: 'web' } } }), ['-s 10.244.0.2'])
  t.same(from({ podSelector: {} }), ['-s 10.244.0.2', '-s 10.244.0.3'], 'of the own namespace alone')
  t.same(from({ namespaceSelector: { matchLabels: { team: 'b' } } }), ['-s 10.244.0.4'])
  t.same(
    from({
      namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'shop' } },
      podSelector: { matchLabels: { app: 'web' } },
    }),
    ['-s 10.244.0.2'],
    'both of one peer, and the label that every namespace has',
  )
  t.same(
    from({ podSelector: { matchLabels: { app: 'web' } } }, { podSelector: {} }),
    ['-s 10.244.0.2', '-s 10.244.0.3'],
    'each address once',
  )
  t.same(from({ ipBlock: { cidr: '10.0.0.0/8' } }), ['-s 10.0.0.0/8'])
  const blocks = policy({
    ...API,
    ingress: [
      {
        from: [
          { ipBlock: { cidr: '10.0.0.0/8', except: ['10.9.0.0/16'] } },
          { ipBlock: { cidr: 'fd00::/8' } },
        ],
        ports: [{ port: 80 }],
      },
    ],
  })
  t.same(allowed(chain('IN-veth3', [blocks])), ['-s 10.0.0.0/8 -j IN-veth3-0-0'])
  t.same(chain('IN-veth3-0-0', [blocks]), [
    '-s 10.9.0.0/16 -j RETURN',
    `-p tcp -m multiport --dports 80 ${ALLOW}`,
  ])
  t.same(allowed(chain('IN-veth3', [blocks], 6)).slice(2), ['-s fd00::/8 -p tcp -m multiport --dports 80'])
})

t.test('to which ports', async (t) => {
  const ports = (...list: object[]): string[] =>
    allowed(chain('IN-veth3', [policy({ ...API, ingress: [{ ports: list }] })]))
  t.same(ports({ port: 80 }, { port: 8000, endPort: 8010 }, { protocol: 'UDP', port: 53 }), [
    '-p tcp -m multiport --dports 80,8000:8010',
    '-p udp -m multiport --dports 53',
  ])
  t.same(ports({ protocol: 'SCTP' }), ['-p sctp'], 'all of a protocol')
  t.same(
    ports({ port: 'admin' }),
    ['-p tcp -m multiport --dports 9091'],
    'by the name that the pod itself has',
  )
  t.same(ports({ port: 'none' }), [], 'a name that it does not have opens nothing')
  t.same(ports({ port: 'admin', protocol: 'UDP' }), [])
  const many = ports(
    ...Array.from({ length: 8 }, (_, i) => ({ port: 100 * (i + 1), endPort: 100 * (i + 1) + 5 })),
  )
  t.same(many.length, 2, 'fifteen in a match, and a range is two')
})

t.test('where a pod may go', async (t) => {
  const to = (rule: object): string[] =>
    allowed(
      chain('OUT-veth2', [
        policy({ podSelector: { matchLabels: { app: 'web' } }, policyTypes: ['Egress'], egress: [rule] }),
      ]),
    )
  t.same(to({ to: [{ podSelector: { matchLabels: { app: 'api' } } }], ports: [{ port: 9090 }] }), [
    '-d 10.244.0.3 -p tcp -m multiport --dports 9090',
  ])
  t.same(
    to({ to: [{ podSelector: {} }], ports: [{ port: 'http' }, { port: 1 }] }),
    [
      '-d 10.244.0.2 -p tcp -m multiport --dports 1',
      '-d 10.244.0.3 -p tcp -m multiport --dports 1',
      '-d 10.244.0.2 -p tcp -m multiport --dports 8080',
      '-d 10.244.0.3 -p tcp -m multiport --dports 9090',
    ],
    'a port by name is that of each peer',
  )
  t.same(
    to({
      to: [{ namespaceSelector: {}, podSelector: { matchLabels: { 'k8s-app': 'kube-dns' } } }],
      ports: [{ port: 53, protocol: 'UDP' }],
    }),
    ['-d 10.96.0.10 -p udp -m multiport --dports 53'],
    'names are asked for where clusters have them',
  )
  const ofIngress = policy({ ...API, egress: [] })
  t.same(chain('OUT-veth3', [ofIngress]), [], 'without policyTypes and rules a policy says nothing of egress')
})

t.test('several policies add up', async (t) => {
  const one = policy({ ...API, ingress: [{ from: [{ podSelector: { matchLabels: { app: 'web' } } }] }] })
  const two = policy({ ...API, ingress: [{ ports: [{ port: 9091 }] }] })
  t.same(allowed(chain('IN-veth3', [one, two, policy(API)])), [
    '-s 10.244.0.2',
    '-p tcp -m multiport --dports 9091',
  ])
  t.same(chain('IN-veth3', [policy({ podSelector: {} }, 'bank')]), [], 'of another namespace none')
})
