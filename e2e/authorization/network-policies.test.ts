import fc from 'fast-check'
import t from 'tap'
import { networkPolicies, type WrittenNetworkPolicy } from '../../cli/policy/network/network-policies.ts'
import { networkPoliciesText } from '../../cli/policy/network/text.ts'
import { Fields } from '../../local/manifest/fields.ts'
import { parseNetworkPolicy } from '../../local/manifest/parse-network-policy.ts'
import type { NetworkPolicy, PolicyPeer } from '../../local/network/policy/network-policy.ts'
import { pureDecider, viewOf } from './pure.ts'
import { scenes } from './random-scenes.ts'
import type { Call } from './scene.ts'
import { PODS, type Pod } from './world.ts'
import type { WrittenObject } from './written.ts'
import { allow, from as source, meshPolicy, to } from './written.ts'

// `weft policy networkpolicy`: what is written for the network refuses nothing that sidecars let in, and closes what is plainly closed.

function written(objects: readonly WrittenObject[]): WrittenNetworkPolicy[] {
  const { model } = viewOf(objects)
  return ['payments', 'shop'].flatMap((namespace) =>
    networkPolicies(model, namespace).flatMap(({ policy }) => policy ?? []),
  )
}

/** By the reader of the one-machine mesh, of which nothing that writes policies knows. */
function read(policy: WrittenNetworkPolicy): NetworkPolicy {
  const { namespace, name } = policy.metadata
  return parseNetworkPolicy(new Fields(policy, '', () => {}), namespace, name)
}

/** Whether the network lets a connection in, by the words of networking.k8s.io/v1. */
function letsIn(policies: readonly NetworkPolicy[], from: Pod | undefined, to: Pod, port: number): boolean {
  const own = policies.filter(({ namespace, pods }) => namespace === to.namespace && pods.matches(to.labels))
  if (own.length === 0) return true
  const isPeer = (peer: PolicyPeer): boolean =>
    peer.type === 'pods' &&
    from !== undefined &&
    peer.pods.matches(from.labels) &&
    (peer.namespaces?.matches({ 'kubernetes.io/metadata.name': from.namespace }) ??
      from.namespace === to.namespace)
  return own.some(({ ingress = [] }) =>
    ingress.some(
      ({ peers, ports }) =>
        (peers?.some(isPeer) ?? true) &&
        (ports?.some(
          (one) =>
            one.protocol === 'TCP' &&
            (one.port === undefined ||
              (typeof one.port === 'object' && one.port.from <= port && port <= one.port.to)),
        ) ??
          true),
    ),
  )
}

/** The pod that makes a call; undefined: none of the mesh. */
function callerOf({ identity }: Call): Pod | undefined {
  return Object.values(PODS).find(
    ({ namespace, account }) => identity === `spiffe://cluster.local/ns/${namespace}/sa/${account}`,
  )
}

t.test('what sidecars let in, the network lets in', async (t) => {
  let closed = 0
  let asked = 0
  fc.assert(
    fc.property(scenes(20), ({ objects, calls }) => {
      const decide = pureDecider(objects)
      const policies = written(objects).map(read)
      for (const call of calls) {
        const called = PODS[call.pod]
        const from = callerOf(call)
        // Identities that no pod has come from nowhere that a NetworkPolicy could name, unless anybody may come.
        if (!called || (from === undefined && call.identity.startsWith('spiffe://cluster.local/'))) continue
        const own = from ? { ...call, address: from.address } : call
        const open = letsIn(policies, from, called, call.port)
        asked++
        if (!open) closed++
        if (decide(own).allowed && !open && from !== called)
          throw new Error(
            `${JSON.stringify(own)} is let in by sidecars, and not by ${JSON.stringify(written(objects))}`,
          )
      }
    }),
    { numRuns: process.env['WEFT_LONG'] ? 1000 : 40 },
  )
  t.ok(closed > asked / 20, `${closed} of ${asked} are closed below the mesh, too`)
})

const DENY = meshPolicy({ authorization: { default: 'Deny' } })

t.test('one caller, and one port', async (t) => {
  const rules = [
    { ...source({ serviceAccounts: ['payments/pay'] }), ...to({ ports: [8080], methods: ['POST'] }) },
  ]
  const one = allow('ledger', rules, { selector: { matchLabels: { app: 'ledger' } } })
  const { model } = viewOf([DENY, one])
  const suggestions = networkPolicies(model, 'payments')
  const ledger = suggestions.find(({ workload }) => workload === 'ledger-1')
  t.match(ledger?.policy?.spec, {
    podSelector: { matchLabels: { app: 'ledger' } },
    policyTypes: ['Ingress'],
    ingress: [
      {
        from: [
          {
            namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'payments' } },
            podSelector: { matchLabels: { app: 'pay' } },
          },
        ],
        ports: [{ protocol: 'TCP', port: 8080 }],
      },
      { ports: [{ protocol: 'UDP' }, { protocol: 'SCTP' }] },
    ],
  })
  t.equal(ledger?.policy?.spec.ingress.length, 2)
  t.match(networkPoliciesText(suggestions), /^# Written by[^]*# payments\/ledger-1[^]*kind: NetworkPolicy/)
})

t.test('in plaintext anybody may come, so nothing is closed', async (t) => {
  const open = allow('all', [to({ ports: [8080] })])
  const { model } = viewOf([open])
  const [first] = networkPolicies(model, 'payments')
  // Whatever is not 8080 is refused to everybody.
  t.same(
    first?.policy?.spec.ingress[0]?.ports?.map(({ port, endPort }) => [port, endPort]),
    [[8080, undefined]],
  )
  t.equal(first?.policy?.spec.ingress[0]?.from, undefined)
  t.match(networkPolicies(viewOf([]).model, 'payments')[0], {
    policy: undefined,
    notes: ['the mesh lets anybody in'],
  })
})
