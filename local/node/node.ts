import { cp, mkdir } from 'node:fs/promises'
import { connect } from 'node:net'
import type { Server } from 'node:net'
import { join } from 'node:path'
import { WeftError, describeError } from '../../core/errors.ts'
import { DNS_ADDRESS } from '../controllers/addresses.ts'
import { startControl } from '../control/server.ts'
import { clusterStatus } from '../control/status.ts'
import { startDns } from '../dns/server.ts'
import { CLUSTER_DOMAIN } from '../dns/zone.ts'
import type { DesiredState } from '../manifest/objects.ts'
import { ManifestSource } from '../manifest/source.ts'
import { prepareMesh } from '../mesh/mesh.ts'
import { prepareNodeNetwork } from '../network/pod-network.ts'
import { prepareContainerRoot } from '../pod/container-root.ts'
import type { IssueToken } from '../pod/volumes.ts'
import { Admission } from './admission.ts'
import { Cluster } from './cluster.ts'
import { followedDirectories } from './messages.ts'
import type { NodeConfig } from './messages.ts'
import { ObjectDirectory } from './object-directory.ts'
import { mustRun } from './run-command.ts'
import { ServiceRules } from './service-rules-sync.ts'

export interface NodeEvents {
  progress(line: string): void
  warn(line: string): void
  /** Every pod is ready, for the first time. */
  ready(): void
  /** Somebody asked through the control socket for the cluster's end. */
  down(): void
}

export interface RunningNode {
  /** Pipes what connects to `server` to a Service: `name.namespace:port`. */
  expose(server: Server, target: string): void
  close(): Promise<void>
}

/** The node's own directory, on a tmpfs that nobody else sees: volumes, tokens and keys never touch a disk. */
const PRIVATE = '/run/weft'
const NODE_NAME = 'local'
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
  const [ipv6] = await Promise.all([
    prepareNodeNetwork(),
    prepareContainerRoot({
      path: baseRoot,
      project: config.project,
      packages: config.packages,
      nodeBinary: config.nodeBinary,
    }),
  ])
  const objects = new ObjectDirectory(
    join(config.stateDirectory, 'objects'),
    join(config.stateDirectory, 'scratch'),
  )
  await objects.prepare()
  const manifests = followedDirectories(config)
  for (const [index, source] of config.manifestDirectories.entries()) {
    const copy = manifests[index] ?? source
    if (copy !== source) await cp(source, copy, { recursive: true })
  }

  const mesh = config.mesh
    ? await prepareMesh({
        directory: join(PRIVATE, 'mesh'),
        manifests: [...manifests, objects.path],
        trustDomain: TRUST_DOMAIN,
        changed: () => follow(),
        warn,
      })
    : undefined
  let admission = config.admission ? new Admission(config.admission, warn) : undefined
  const cluster = new Cluster({
    node: NODE_NAME,
    baseRoot,
    podDirectory: join(PRIVATE, 'pods'),
    logDirectory: join(config.stateDirectory, 'logs'),
    images: new Map(config.images),
    ipv6,
    objects,
    rules: new ServiceRules(ipv6),
    issueToken: mesh?.issueToken ?? noTokens,
    hostPaths: new Set(mesh?.hostPaths),
    admit: (pod, labels) => admission?.admit(pod, labels) ?? Promise.resolve(pod),
    warn,
  })
  const dns = await startDns(DNS_ADDRESS, 53, () => cluster.zone)
  const source = new ManifestSource(manifests, { error: warn, warn })
  let desired = await source.load()
  let started = false
  const follow = () => {
    if (!started) return
    void cluster.apply(mesh?.withSystem(desired) ?? desired, mesh?.configMaps(desired))
  }
  source.watch((state) => {
    desired = state
    follow()
  })
  const startWorkloads = () => {
    started = true
    follow()
  }
  if (mesh) {
    const { service, port, path, ...options } = mesh.admission()
    void untilReady(cluster, mesh.withSystem(NOTHING)).then(() => {
      events.progress('control plane and injector are ready')
      const address = serviceAddress(cluster, service)
      admission = new Admission({ ...options, url: `https://${address}:${port}${path}` }, warn)
      startWorkloads()
    })
  } else {
    startWorkloads()
  }

  let ready = false
  const reportReady = () => {
    if (ready || !started || !cluster.ready) return
    ready = true
    events.ready()
  }
  cluster.watch(reportReady)
  reportReady()
  const control = await startControl(join(config.stateDirectory, 'control.sock'), {
    cluster,
    stateDirectory: config.stateDirectory,
    status: () => clusterStatus(config.name, started && cluster.ready, cluster, messages),
    down: () => events.down(),
    endsWith: config.endsWith,
  })
  return {
    expose(server, target) {
      server.on('connection', (socket) => {
        const [host = '', port = ''] = target.split(':')
        const address = serviceAddress(cluster, host)
        socket.on('error', () => {})
        if (address === undefined) {
          socket.destroy()
          return
        }
        const upstream = connect({ host: address, port: Number(port), noDelay: true })
        upstream.on('error', () => socket.destroy())
        socket.on('close', () => upstream.destroy())
        upstream.on('close', () => socket.destroy())
        socket.setNoDelay(true)
        socket.pipe(upstream).pipe(socket)
      })
    },
    async close() {
      source.close()
      mesh?.close()
      await cluster.close(CLOSE_GRACE_SECONDS).catch((error: unknown) => warn(describeError(error)))
      dns.close()
      await control.close()
    },
  }
}

const NOTHING: DesiredState = {
  namespaces: new Map(),
  serviceAccounts: new Set(),
  configMaps: new Map(),
  deployments: new Map(),
  pods: new Map(),
  services: new Map(),
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
