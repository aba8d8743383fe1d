import { cp, mkdir, rename, writeFile } from 'node:fs/promises'
import type { Socket } from 'node:net'
import { dirname, join } from 'node:path'
import { CONTROL_PLANE, HTTP_PORT, SYSTEM_NAMESPACE } from '../../core/contract.ts'
import { CanaryDirectory } from '../../control-plane/canary/manifests/state-directory.ts'
import { systemClock } from '../../core/clock.ts'
import { WeftError, describeError } from '../../core/errors.ts'
import { DNS_ADDRESS } from '../controllers/addresses.ts'
import { startControl } from '../control/server.ts'
import { clusterStatus, type ExposedService } from '../control/status.ts'
import { startDns } from '../dns/server.ts'
import { CLUSTER_DOMAIN } from '../dns/zone.ts'
import type { DesiredState } from '../manifest/objects.ts'
import { passStraight, passThroughIngress } from '../ingress/exposed-service.ts'
import { ManifestSource } from '../manifest/source.ts'
import { prepareMesh } from '../mesh/mesh.ts'
import { prepareNodeNetwork } from '../network/pod-network.ts'
import { Wire } from '../network/wire.ts'
import { prepareContainerRoot } from '../pod/container-root.ts'
import { programsOf } from '../pod/images.ts'
import type { IssueToken } from '../pod/volumes.ts'
import type { ProblemChange } from '../problems/problem-board.ts'
import { Admission } from './admission.ts'
import { Cluster } from './cluster.ts'
import { followedDirectories, manifestName, textFile } from './messages.ts'
import type { NodeConfig } from './messages.ts'
import { NodeProblems } from './node-problems.ts'
import { Nodes } from './nodes.ts'
import { ObjectDirectory } from './object-directory.ts'
import { mustRun } from './run-command.ts'
import { NetworkPolicyRules } from './network-policy-sync.ts'
import { ServiceRules } from './service-rules-sync.ts'

export interface NodeEvents {
  progress(line: string): void
  warn(line: string): void
  problems(change: ProblemChange): void
  /** Every pod is ready, for the first time. */
  ready(): void
  /** Somebody asked through the control socket for the cluster's end. */
  down(): void
}

export interface RunningNode {
  /**
   * What takes a connection of the machine to a Service, `name.namespace:port`: with the mesh as a call of the ingress pod,
   * which its sidecar routes, otherwise straight.
   */
  expose(target: string): (caller: Socket) => void
  /** The Service has this port of 127.0.0.1 of the machine. */
  exposedAt(target: string, port: number): void
  /** Takes the new text of an input of manifests. */
  putManifests(index: number, text: string): Promise<void>
  close(): Promise<void>
}

/** The node's own directory, on a tmpfs that nobody else sees: volumes, tokens and keys never touch a disk. */
const PRIVATE = '/run/weft'
const TRUST_DOMAIN = 'cluster.local'
const CLOSE_GRACE_SECONDS = 3
const MESSAGES_KEPT = 100

/** Runs a cluster in the namespaces of this process. */
export async function startNode(config: NodeConfig, events: NodeEvents): Promise<RunningNode> {
  const messages: string[] = []
  const warn = (line: string) => {
    messages.push(line)
    if (messages.length > MESSAGES_KEPT) messages.shift()
    events.warn(line)
  }
  await mustRun(['mount', '-t', 'tmpfs', '-o', 'mode=755,nosuid', 'weft-run', '/run'])
  await mkdir(join(PRIVATE, 'pods'), { recursive: true, mode: 0o755 })
  const baseRoot = join(PRIVATE, 'root')
  const { count, network, zones } = config.nodes
  const [ipv6] = await Promise.all([
    prepareNodeNetwork(),
    prepareContainerRoot({
      path: baseRoot,
      project: config.project,
      packages: config.packages,
      nodeBinary: config.nodeBinary,
    }),
  ])
  const wire = count > 1 ? new Wire(network, ipv6) : undefined
  const nodes = new Nodes(wire, systemClock)
  if (wire) {
    await wire.prepare()
    for (let index = 0; index < count; index++) await nodes.add(undefined, zones[index % zones.length] ?? '')
  }
  const objects = new ObjectDirectory(
    join(config.stateDirectory, 'objects'),
    join(config.stateDirectory, 'scratch'),
  )
  await objects.prepare()
  const manifests = followedDirectories(config)
  for (const [index, input] of config.manifests.entries()) {
    const directory = manifests[index] ?? ''
    if (input.type === 'text') await putText(textFile(config, index), input.text)
    else if (directory !== input.path) await cp(input.path, directory, { recursive: true })
  }

  const canaryDirectory = join(config.stateDirectory, 'canaries')
  const canaries = config.mesh ? new CanaryDirectory(canaryDirectory) : undefined
  const mesh = config.mesh
    ? await prepareMesh({
        directory: join(PRIVATE, 'mesh'),
        manifests: [...manifests, objects.path],
        problems: objects.problems,
        canaries: canaryDirectory,
        trustDomain: TRUST_DOMAIN,
        collector: config.collector,
        changed: () => follow(),
        warn,
      })
    : undefined
  const images = new Map(config.images)
  const hasProgram = programsOf(baseRoot)
  const problems = new NodeProblems({
    flags: config.flags,
    images,
    hasProgram,
    file: objects.problems,
    scratch: objects.scratch,
    pods: () => cluster.pods,
    changed: (change) => events.problems(change),
    warn,
  })
  const warned = problems.warned.bind(problems)
  let admission = config.admission ? new Admission(config.admission, warned) : undefined
  const cluster: Cluster = new Cluster({
    nodes,
    baseRoot,
    podDirectory: join(PRIVATE, 'pods'),
    claimDirectory: join(PRIVATE, 'claims'),
    logDirectory: join(config.stateDirectory, 'logs'),
    images,
    hasProgram,
    ipv6,
    objects,
    rules: new ServiceRules(ipv6, () => nodes.namespaces),
    policies: new NetworkPolicyRules(ipv6, () => nodes.namespaces),
    issueToken: mesh?.issueToken ?? noTokens,
    hostPaths: new Set(mesh?.hostPaths),
    admit: (pod, labels) => admission?.admit(pod, labels) ?? Promise.resolve(pod),
    warn,
    say: (line) => events.warn(line),
  })
  const dns = await startDns(DNS_ADDRESS, 53, () => cluster.zone)
  const source = new ManifestSource(manifests, (path) => manifestName(config, path))
  const first = await source.load()
  let { desired } = first
  problems.take(first)
  let started = false
  let ingress = false
  const follow = () => {
    if (!started) return
    const whole = mesh?.withSystem(desired, ingress) ?? desired
    void cluster.apply(whole, mesh?.configMaps(whole))
  }
  source.watch((manifests) => {
    desired = manifests.desired
    problems.take(manifests)
    follow()
  })
  const startWorkloads = () => {
    started = true
    follow()
  }
  if (mesh) {
    const { service, port, path, ...options } = mesh.admission()
    void untilReady(cluster, mesh.withSystem(NOTHING, false)).then(() => {
      events.progress('control plane and injector are ready')
      const address = serviceAddress(cluster, service)
      admission = new Admission({ ...options, url: `https://${address}:${port}${path}` }, warned)
      problems.follow(() => {
        const own = serviceAddress(cluster, `${CONTROL_PLANE}.${SYSTEM_NAMESPACE}`)
        return own === undefined ? undefined : `http://${own}:${HTTP_PORT}`
      })
      startWorkloads()
    })
  } else {
    startWorkloads()
  }

  const exposed: ExposedService[] = []
  let ready = false
  const reportReady = () => {
    if (ready || !started || !cluster.ready) return
    ready = true
    events.ready()
  }
  cluster.watch(reportReady)
  cluster.watch(() => problems.look())
  reportReady()
  const control = await startControl(join(config.stateDirectory, 'control.sock'), {
    cluster,
    nodes,
    canaries,
    stateDirectory: config.stateDirectory,
    status: () =>
      clusterStatus({
        name: config.name,
        ready: started && cluster.ready,
        cluster,
        nodes,
        exposed,
        problems: problems.value,
        canaries: canaries?.all() ?? [],
        messages,
      }),
    down: () => events.down(),
    endsWith: config.endsWith,
  })
  return {
    expose(target) {
      const [service = '', port = ''] = target.split(':')
      const [, namespace] = service.split('.')
      if (namespace !== SYSTEM_NAMESPACE) problems.exposes(target)
      // The mesh's own pods have no sidecar, and must be reached before any has one.
      if (!mesh || namespace === SYSTEM_NAMESPACE) {
        return (caller) => {
          const host = serviceAddress(cluster, service)
          passStraight(caller, host === undefined ? undefined : { host, port: Number(port) })
        }
      }
      ingress = true
      follow()
      const destination = { host: `${service}.svc.${CLUSTER_DOMAIN}`, port: Number(port) }
      return (caller) => passThroughIngress(caller, mesh.ingressSocket, destination)
    },
    exposedAt: (target, port) => exposed.push({ target, address: `http://127.0.0.1:${port}` }),
    putManifests: (index, text) =>
      putText(textFile(config, index), text).catch((error: unknown) => warn(describeError(error))),
    async close() {
      source.close()
      problems.close()
      mesh?.close()
      nodes.close()
      await cluster.close(CLOSE_GRACE_SECONDS).catch((error: unknown) => warn(describeError(error)))
      dns.close()
      await control.close()
    },
  }
}

/** Writes it as a whole, so that nobody who follows the directory meets half of it. */
async function putText(file: string, text: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o755 })
  // A name that no reader takes for a manifest.
  await writeFile(`${file}.new`, text, { mode: 0o644 })
  await rename(`${file}.new`, file)
}

const NOTHING: DesiredState = {
  namespaces: new Map(),
  serviceAccounts: new Set(),
  configMaps: new Map(),
  secrets: new Map(),
  workloads: new Map(),
  cronJobs: new Map(),
  pods: new Map(),
  services: new Map(),
  networkPolicies: new Map(),
}

/** Runs these objects and resolves once all their pods are ready. */
function untilReady(cluster: Cluster, desired: DesiredState): Promise<void> {
  return new Promise((resolve) => {
    const unwatch = cluster.watch(() => {
      if (!cluster.ready) return
      unwatch()
      resolve()
    })
    void cluster.apply(desired)
  })
}

/** The IPv4 address of `name.namespace`, if there is such a Service. */
function serviceAddress(cluster: Cluster, service: string): string | undefined {
  const records = cluster.zone.get(`${service}.svc.${CLUSTER_DOMAIN}`) ?? []
  const record = records.find((own) => own.type === 'A')
  return record?.type === 'A' ? record.address : undefined
}

const noTokens: IssueToken = () =>
  Promise.reject(
    new WeftError('local.no_tokens', 'service account tokens need the mesh: leave --no-mesh away'),
  )
