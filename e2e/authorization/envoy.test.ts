import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { ALPN_TCP } from '../../core/contract.ts'
import type { MeshView } from '../../control-plane/mesh.ts'
import { ENVOY } from '../../control-plane/xds/client-takes.ts'
import { CODECS } from '../../control-plane/xds/resource.ts'
import { readable } from '../../core/xds/readable.ts'
import type { WorkloadSecrets } from '../../proxy/transport/tls-contexts.ts'
import { newRoot, secretsFor } from '../../proxy/testing/mesh-identity.ts'
import { EnvoyProcess, findEnvoy } from '../pair/testing/envoy-process.ts'
import { inOwnNamespace } from '../sidecar/own-namespace.ts'
import { addAddresses } from './addresses-of-world.ts'
import { Application } from './application.ts'
import { callOn, meshConnection, placeOf, plainConnection } from './calling.ts'
import { SCENES } from './decisions/index.ts'
import { bootstrap } from './envoy-bootstrap.ts'
import { viewOf } from './pure.ts'
import { callOf, type Ask, type Call, type Scene } from './scene.ts'
import { PODS, type Pod } from './world.ts'

// The table of decisions by a real Envoy, with the inbound listener that the control plane makes for it, as it stands but for
// where it listens: each scene and pod has an address of its own, so that one Envoy is enough.

const { binary, skip } = findEnvoy()
const APPLICATION = 8999

/** Where Envoy lets more pass, as docs/security.md says: it compares a path as it stands, and bytes whatever they are. */
const ONLY_OURS = new Set([
  'a path that is denied, as applications may read it',
  'a path that is allowed, and what only some take for it',
  'all paths but one, as applications may read it',
  'what is not UTF-8 allows nothing',
  'what is not UTF-8 allows nothing by not being something',
  'what is not UTF-8 is denied',
  // It looks at each value of a field, and not at all of them as one.
  'all values of a field, joined',
  // Nor does it look into the TLS that it ends.
  "TLS that is passed on inside a sidecar's own, by its name",
])

/** What this Envoy is not asked, and why. */
function leftOut({ name }: Scene, [caller]: Ask, call: Call): boolean {
  return (
    ONLY_OURS.has(name) ||
    // Its certificate would be of another trust domain, which the listener refuses before any policy.
    caller.startsWith('spiffe:') ||
    // Tokens come with RequestAuthentication, which has a table of its own.
    call.claims !== undefined ||
    // It knows methods by their names, and answers others with 400.
    call.method.startsWith('GET') !== (call.method === 'GET') ||
    // HTTP of the mesh comes to a port that nobody declared over the link alone, which is HTTP/2.
    (call.port === 7000 && !call.bytes && call.identity !== '')
  )
}

interface Addresses {
  readonly host: string
  readonly host6: string
}

function addressesOf(scene: Scene, pod: string): Addresses {
  const [at, of] = [SCENES.indexOf(scene) + 16, Object.keys(PODS).indexOf(pod) + 1]
  return { host: `10.1.${at}.${of}`, host6: `fd00:2::1:${at.toString(16)}:${of}` }
}

/** The pod's inbound listener at this place, one for each port, so that it is the port that the connection came for. */
function listenersOf(
  view: MeshView,
  { namespace, name }: Pod,
  { host, host6 }: Addresses,
  ports: Iterable<number>,
) {
  const resource = view.resource('listener', 'inbound', { namespace, pod: name, takes: ENVOY })
  if (!resource) throw new Error(`there is no listener of ${namespace}/${name}`)
  const { bindToPort: _, ...listener } = readable(CODECS.listener, resource.message)
  const at = (address: string, portValue: number) => ({ socketAddress: { address, portValue } })
  return [...ports].map((port) => ({
    '@type': 'type.googleapis.com/envoy.config.listener.v3.Listener',
    ...tellDetails(listener),
    name: `${host}:${port}`,
    address: at(host, port),
    additionalAddresses: [{ address: at(host6, port) }],
  }))
}

/** What is refused has Envoy's detail as its body, which names the rule. */
function tellDetails<T>(json: T): T {
  return JSON.parse(JSON.stringify(json), (_key, value: unknown) => {
    const type = typeof value === 'object' && value !== null && '@type' in value ? value['@type'] : ''
    if (!String(type).endsWith('.HttpConnectionManager')) return value
    const body_format = { text_format_source: { inline_string: '%RESPONSE_CODE_DETAILS%' } }
    return { ...(value as object), local_reply_config: { body_format } }
  }) as T
}

inOwnNamespace(t, import.meta.filename, () => {
  t.test('Envoy decides as the table says', { skip }, async (t) => {
    addAddresses()
    const folder = mkdtempSync(join(tmpdir(), 'weft-envoy-rbac-'))
    t.teardown(() => rmSync(folder, { recursive: true, force: true }))
    await Application.listen(t, '127.0.0.1', [APPLICATION])
    const root = newRoot()
    const identities = new Map<string, WorkloadSecrets>()
    const secretsOf = (identity: string): WorkloadSecrets => {
      let known = identities.get(identity)
      if (!known) identities.set(identity, (known = secretsFor(root, identity)))
      return known
    }

    const listeners: object[] = []
    const asks: { readonly scene: Scene; readonly ask: Ask; readonly call: Call }[] = []
    for (const scene of SCENES) {
      const calls = scene.asked
        .map((ask) => ({ scene, ask, call: callOf(ask[0], ask[1]) }))
        .filter(({ ask, call }) => !leftOut(scene, ask, call))
      if (calls.length === 0) continue
      const view = viewOf(scene.objects)
      asks.push(...calls)
      for (const [name, pod] of Object.entries(PODS)) {
        const ports = new Set(calls.filter(({ call }) => call.pod === name).map(({ call }) => call.port))
        if (ports.size > 0) listeners.push(...listenersOf(view, pod, addressesOf(scene, name), ports))
      }
    }
    const file = join(folder, 'listeners.json')
    writeFileSync(file, JSON.stringify({ version_info: '1', resources: listeners }))
    const own = secretsOf('spiffe://cluster.local/ns/payments/sa/pay')
    const envoy = await EnvoyProcess.start(binary, 'envoy', folder, bootstrap(file, own, APPLICATION))
    t.teardown(() => envoy.stop())

    for (const { scene, ask, call } of asks) {
      const place = placeOf(call, addressesOf(scene, call.pod), call.port)
      const socket =
        call.identity === ''
          ? await plainConnection(place)
          : await meshConnection(place, secretsOf(call.identity), call.bytes ? ALPN_TCP : 'http/1.1')
      const { allowed, status, body } = await callOn(socket, call)
      const title = `${scene.name}: ${ask[0]} ${JSON.stringify(ask[1])}`
      const [verdict = '', rule = 'none'] = ask[2].split(',')[0]?.split(' ') ?? []
      t.equal(allowed ? 'allow' : 'deny', verdict, title)
      if (status === 403) t.equal(body, `rbac_access_denied_matched_policy[${rule}]`, title)
    }
    t.ok(asks.length > 300, `${asks.length} decisions`)
  })
})
