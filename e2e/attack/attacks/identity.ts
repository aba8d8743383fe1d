import { createCsr } from '../../../certs/csr.ts'
import { generateKey, privateKeyPem } from '../../../certs/key.ts'
import { WeftError } from '../../../core/errors.ts'
import type { Attack } from '../attack.ts'
import type { AttackBed } from '../bed.ts'
import {
  GRPC_ADDRESS,
  HOLDER,
  MEMBER,
  MESH_PULSE,
  NEIGHBOUR,
  REST_ADDRESS,
  serverAddress,
  SERVER_SIDECAR,
  WEBHOOK,
  WEBHOOK_ADDRESS,
  WEBHOOK_PULSE,
} from './places.ts'

/** `forged`: port, path and field name of each request whose forged identity the application read. */
function believed(forged: readonly string[]): string[] {
  if (forged.length === 0) return []
  return [`the application read a forged identity: ${[...new Set(forged)].sort().join(', ')}`]
}

const PORTS = [8080, 9000]

const ON_SERVER = { attacked: SERVER_SIDECAR, pulse: MESH_PULSE, short: true, growthMib: 64 }

/** Pods whose author goes past the mesh, and what of an answer says that this was seen. */
const PODS = [
  { about: 'runAsGroup of a container', pod: { container: { securityContext: { runAsGroup: 1337 } } } },
  { about: 'runAsGroup of the pod', pod: { spec: { securityContext: { runAsGroup: 1337 } } } },
  { about: 'supplementalGroups', pod: { spec: { securityContext: { supplementalGroups: [5, 1337] } } } },
  { about: 'fsGroup', pod: { spec: { securityContext: { fsGroup: 1337 } } } },
  { about: 'runAsUser', pod: { container: { securityContext: { runAsUser: 1337 } } } },
  { about: 'an init image', pod: { annotations: { 'weft.dev/init-image': 'attacker.example/root:1' } } },
  { about: 'a proxy image', pod: { annotations: { 'weft.dev/proxy-image': 'attacker.example/root:1' } } },
]

interface Admission {
  readonly allowed: boolean
  readonly warnings?: readonly string[]
  /** JSON patch, base64. */
  readonly patch?: string
}

export const IDENTITY_ATTACKS: readonly Attack[] = [
  {
    ...ON_SERVER,
    name: 'forged-identity',
    what: 'x-forwarded-client-cert of its own, from a neighbour and a meshed pod: behind what servers pass over, after silence, in parts, in other spellings',
    async run(bed) {
      const address = await serverAddress(bed)
      await Promise.all(
        PORTS.flatMap((port) => [
          bed.from(NEIGHBOUR, 'identity', `${address}:${port}`),
          bed.from(MEMBER, 'identity', `server.shop:${port}`),
        ]),
      )
      return believed((await bed.seen()).forged)
    },
  },
  {
    ...ON_SERVER,
    name: 'forged-in-raw-bytes',
    what: 'the same inside raw connections of the mesh, with a certificate that a token got',
    async run(bed) {
      const address = await serverAddress(bed)
      const key = generateKey()
      const own = { key: privateKeyPem(key), csr: createCsr(key).toString('base64') }
      const before = await bed.seen()
      await Promise.all(
        PORTS.map((port) =>
          bed.from(HOLDER, 'certified', `${address}:${port}`, 1, { own, controlPlane: GRPC_ADDRESS }),
        ),
      )
      return believed((await bed.seen()).forged.slice(before.forged.length))
    },
  },
  {
    ...ON_SERVER,
    name: 'foreign-service',
    what: "a Service and EndpointSlice of another namespace that name the pod's address",
    async run(bed) {
      const address = await serverAddress(bed)
      const before = await bed.seen()
      await bed.put('foreign.yaml', foreignService(address))
      try {
        await followed(bed, 'evil', 'borrowed')
        await bed.from(NEIGHBOUR, 'opaque', `${address}:8080`)
        await bed.from(NEIGHBOUR, 'blank-lines', `${address}:9000`)
      } finally {
        await bed.put('foreign.yaml', '# Nothing any more.\n')
      }
      const after = await bed.seen()
      const problems = believed(after.forged.slice(before.forged.length))
      if (after.malformed[8080] !== before.malformed[8080])
        problems.push('what is no HTTP came to a port declared HTTP')
      return problems
    },
  },
  {
    ...ON_SERVER,
    name: 'address-in-answers',
    what: 'a request to a port where nobody listens behind the sidecar: what does the refusal tell?',
    async run(bed) {
      const { text } = await bed.from(NEIGHBOUR, 'refusal', `${await serverAddress(bed)}:9999`)
      if (!/^HTTP\/1\.1 50\d /.test(String(text))) return [`it was not refused as expected: ${String(text)}`]
      const told = /(\d+\.){3}\d+(:\d+)?|spiffe:[^\s"]+/.exec(String(text))
      return told ? [`the answer tells ${told[0]}`] : []
    },
  },
  {
    name: 'pods-past-the-mesh',
    what: "pods of the sidecar's user or group, and with images of their author's for weft-init",
    attacked: WEBHOOK,
    pulse: WEBHOOK_PULSE,
    short: true,
    growthMib: 96,
    async run(bed) {
      const pods = PODS.map(({ pod: { container, spec, annotations } }) => ({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'past', namespace: 'shop', annotations: annotations ?? {} },
        spec: { ...spec, containers: [{ name: 'web', image: 'web:1', ...container }] },
      }))
      const { answers } = await bed.from(NEIGHBOUR, 'admissions', WEBHOOK_ADDRESS, 1, { pods })
      return (answers as Admission[]).flatMap(({ allowed, warnings = [], patch = '' }, at) => {
        const about = PODS[at]?.about ?? ''
        const image = Buffer.from(patch, 'base64').toString('utf8').includes('attacker.example')
        if (allowed && image) return [`${about} was taken into the pod`]
        return allowed && warnings.length === 0 ? [`${about} was let in without a word`] : []
      })
    },
  },
]

const FOLLOW_TRIES = 50
const HEAR_MS = 1000

/** Waits until the control plane knows this Service, and sidecars have had time to hear of it. */
async function followed(bed: AttackBed, namespace: string, name: string): Promise<void> {
  const known = async (): Promise<boolean> => {
    const { text } = await bed.get(`http://${REST_ADDRESS}/api/services`)
    const { services } = JSON.parse(text) as { services: { namespace: string; name: string }[] }
    return services.some((one) => one.namespace === namespace && one.name === name)
  }
  for (let tries = 0; !(await known()); tries++)
    if (tries === FOLLOW_TRIES)
      throw new WeftError('attack.not_followed', `the mesh never knew the Service ${namespace}/${name}`)
  await new Promise((resolve) => setTimeout(resolve, HEAR_MS))
}

function foreignService(address: string): string {
  const ports = [8080, 9000].map(
    (port) => `{ name: tcp-${port}, port: ${port}, protocol: TCP, appProtocol: tcp }`,
  )
  return `apiVersion: v1
kind: Service
metadata: { name: borrowed, namespace: evil }
spec: { ports: [${ports.join(', ')}] }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: borrowed-1, namespace: evil, labels: { kubernetes.io/service-name: borrowed } }
addressType: IPv4
ports: [${ports.join(', ')}]
endpoints: [{ addresses: ['${address}'], conditions: { ready: true } }]
`
}
