import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openCaStore, type CaStore } from '../../certs/ca-store.ts'
import { systemClock } from '../../core/clock.ts'
import { openTokenIssuer } from '../../control-plane/serve/tokens/issuer.ts'
import { createLogger } from '../../core/log.ts'
import { startSidecar, type Capture } from '../../proxy/app/sidecar.ts'
import type { Teardown } from '../pair/testing/pair.ts'
import { CONTROL_PLANE_NAME, type ControlPlaneSettings } from './control-plane.ts'

export const SERVICE_ADDRESS = '10.96.0.1'
/** By name of a port: where callers call the Service, and where its pods listen. */
export const PORTS = {
  http: { service: 80, pod: 8080, appProtocol: 'http' },
  grpc: { service: 81, pod: 8081, appProtocol: 'grpc' },
  tcp: { service: 82, pod: 8082, appProtocol: 'tcp' },
} as const
export type PortName = keyof typeof PORTS
export const PORT_NAMES = ['http', 'grpc', 'tcp'] as const

interface Server {
  readonly name: string
  readonly account: string
  readonly address: string
  readonly application: string
}

/** Loopback has addresses for all: pods, and their applications as their sidecars reach them. */
/** Addresses of this process alone: tests run beside each other. */
const NET = `127.${128 + (process.pid % 120)}.${Math.floor(process.pid / 120) % 256}`
const CALLER: Server = { name: 'web-1', account: 'web', address: `${NET}.1`, application: `${NET}.101` }
export const SERVERS: readonly Server[] = [
  { name: 'pay-1', account: 'pay', address: `${NET}.2`, application: `${NET}.102` },
  { name: 'pay-2', account: 'pay', address: `${NET}.3`, application: `${NET}.103` },
]

/** Of the control plane. */
export type TrustDomainNames = Pick<ControlPlaneSettings, 'trustDomain' | 'aliases'>

/** A mesh of a caller and two servers, each with the sidecar of a pod, and a control plane that can be killed. */
export interface Bed {
  readonly ca: CaStore
  readonly caDirectory: string
  /** What sidecars complained of. */
  readonly complaints: readonly string[]
  /** Where the caller's application calls a port of the Service. */
  outbound(port: PortName): { host: string; port: number }
  /** The roots as every pod has them mounted. */
  publishRoots(): void
  /** Without warning, and then another one. */
  replaceControlPlane(awayMs: number, names?: TrustDomainNames): Promise<void>
  /** One more server, as its pod was injected. */
  addServer(trustDomain: string): Promise<void>
}

export async function startBed(
  t: Teardown,
  folder: string,
  { leafSeconds, skewSeconds }: Pick<ControlPlaneSettings, 'leafSeconds' | 'skewSeconds'>,
  servers: readonly Server[] = SERVERS,
): Promise<Bed> {
  const present = [...servers]
  const at = (...names: string[]) => join(folder, ...names)
  for (const name of ['manifests', 'ca', 'keys']) mkdirSync(at(name), { recursive: true })
  const writeObjects = (): void => {
    writeFileSync(at('mesh.new'), JSON.stringify(objects(present)))
    renameSync(at('mesh.new'), at('manifests', 'mesh.json'))
  }
  writeObjects()
  const clock = { ...systemClock, now: () => Date.now() + skewSeconds * 1000 }
  const ca = openCaStore({ directory: at('ca'), trustDomain: 'cluster.local', clock })
  const publishRoots = (): void => {
    writeFileSync(at('roots.new'), ca.authority.value.bundle.pem)
    renameSync(at('roots.new'), at('roots.pem'))
  }
  publishRoots()
  const settings = { manifests: at('manifests'), ca: at('ca'), keys: at('keys'), leafSeconds, skewSeconds }
  let names: TrustDomainNames = { trustDomain: 'cluster.local', aliases: [] }
  const issuer = await openTokenIssuer({ directory: at('keys') })
  let running = await startControlPlane({ ...settings, ...names, port: 0 })
  const { port } = running
  t.teardown(() => running.child.kill('SIGKILL'))
  const complaints: string[] = []
  const log = createLogger('sidecar', 'warn', (line) => complaints.push(line))
  const outbound = new Map<PortName, number>()
  const begin = async (pod: Server, trustDomain: string): Promise<void> => {
    const token = await issuer.mint(
      {
        namespace: 'shop',
        serviceAccount: { name: pod.account, uid: pod.account },
        pod: { name: pod.name, uid: pod.name },
      },
      { audience: 'weft', ttlMs: 86_400_000 },
    )
    writeFileSync(at(`${pod.name}.token`), token)
    mkdirSync(at(pod.name))
    const sidecar = await startSidecar({
      controlPlane: {
        address: `127.0.0.1:${port}`,
        serverName: CONTROL_PLANE_NAME,
        caBundlePath: at('roots.pem'),
        tokenPath: at(`${pod.name}.token`),
      },
      trustDomain,
      stateDirectory: at(pod.name),
      pod: {
        namespace: 'shop',
        name: pod.name,
        uid: pod.name,
        node: 'a',
        addresses: [pod.address, pod.application],
        zone: '',
      },
      serviceAccount: pod.account,
      resource: new Map(),
      appProbes: new Map(),
      ownProxyProtocol: new Map(),
      accessLog: 'off',
      drainMs: 0,
      samplingPercent: 0,
      capture: pod === CALLER ? callerCapture(outbound) : serverCapture(pod),
      ports: { admin: 0, health: 0, metrics: 0 },
      log,
    })
    t.teardown(() => sidecar.stop())
  }
  for (const pod of [CALLER, ...present]) await begin(pod, 'cluster.local')
  return {
    ca,
    caDirectory: at('ca'),
    complaints,
    outbound: (name) => ({ host: '127.0.0.1', port: outbound.get(name) ?? 0 }),
    publishRoots,
    async addServer(trustDomain) {
      const next = SERVERS[present.length]
      if (!next) throw new Error('there is no address for another server')
      await begin(next, trustDomain)
      present.push(next)
      writeObjects()
    },
    async replaceControlPlane(awayMs, changed = names) {
      names = changed
      running.child.kill('SIGKILL')
      await once(running.child, 'close')
      await new Promise((resolve) => setTimeout(resolve, awayMs))
      running = await startControlPlane({ ...settings, ...names, port })
    },
  }
}

async function startControlPlane(
  settings: ControlPlaneSettings,
): Promise<{ readonly child: ChildProcess; readonly port: number }> {
  const program = join(import.meta.dirname, 'control-plane.ts')
  const child = spawn(process.execPath, [program, JSON.stringify(settings)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = (await Promise.race([
    once(child.stdout, 'data'),
    once(child, 'close').then(() => Promise.reject(new Error('the control plane did not start'))),
  ])) as [Buffer]
  return { child, port: Number(/^ready (\d+)/.exec(line.toString())?.[1]) }
}

/** One port for each port of the Service: what iptables would redirect to one, told apart by where it wanted to go. */
function callerCapture(bound: Map<PortName, number>): Capture {
  const wanted = new Map<number, number>()
  return {
    originalDestination: (socket) => ({
      host: SERVICE_ADDRESS,
      port: wanted.get(socket.localPort ?? 0) ?? 0,
    }),
    async bind(runtime) {
      for (const name of PORT_NAMES) {
        const port = await runtime.serveOutbound('127.0.0.1', 0)
        bound.set(name, port)
        wanted.set(port, PORTS[name].service)
      }
      return '127.0.0.1'
    },
  }
}

/** Takes what is sent to the pod's address, and leads to its application at another. */
function serverCapture({ address, application }: Server): Capture {
  return {
    originalDestination: (socket) => ({ host: application, port: socket.localPort ?? 0 }),
    async bind(runtime) {
      for (const name of PORT_NAMES) await runtime.serveInbound(address, PORTS[name].pod)
      // What is bound last counts as the sidecar's own, which none of these ports is.
      await runtime.serveInbound(address, 0)
      return '127.0.0.1'
    },
  }
}

function objects(servers: readonly Server[]): object {
  const list = PORT_NAMES.map((name) => ({ name, ...PORTS[name] }))
  const pod = ({ name, account, address }: Server) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'shop', labels: { app: account } },
    spec: {
      serviceAccountName: account,
      initContainers: [{ name: 'weft-proxy', restartPolicy: 'Always' }],
      containers: [{ name: 'app', ports: list.map((one) => ({ name: one.name, containerPort: one.pod })) }],
    },
    status: { podIP: address },
  })
  return {
    apiVersion: 'v1',
    kind: 'List',
    items: [
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'pay', namespace: 'shop' },
        spec: {
          clusterIP: SERVICE_ADDRESS,
          selector: { app: 'pay' },
          ports: list.map(({ name, service, pod: targetPort, appProtocol }) => ({
            name,
            port: service,
            targetPort,
            appProtocol,
          })),
        },
      },
      {
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata: { name: 'pay-1', namespace: 'shop', labels: { 'kubernetes.io/service-name': 'pay' } },
        addressType: 'IPv4',
        ports: list.map(({ name, pod: port }) => ({ name, port })),
        endpoints: servers.map(({ name, address }) => ({
          addresses: [address],
          targetRef: { kind: 'Pod', name },
        })),
      },
      {
        apiVersion: 'weft.dev/v1alpha1',
        kind: 'PeerAuthentication',
        metadata: { name: 'strict', namespace: 'shop' },
        spec: { mtls: { mode: 'STRICT' } },
      },
      pod(CALLER),
      ...servers.map(pod),
    ],
  }
}

/** For a new issuing CA below the same root. */
export function forgetIssuingCa({ caDirectory, ca }: Bed): void {
  rmSync(join(caDirectory, 'issuing.pem'))
  ca.refresh()
}
