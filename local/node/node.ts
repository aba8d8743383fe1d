import { mkdir } from 'node:fs/promises'
import { connect } from 'node:net'
import type { Server } from 'node:net'
import { join } from 'node:path'
import { describeError } from '../../core/errors.ts'
import { DNS_ADDRESS } from '../controllers/addresses.ts'
import { startControl } from '../control/server.ts'
import { clusterStatus } from '../control/status.ts'
import { startDns } from '../dns/server.ts'
import { CLUSTER_DOMAIN } from '../dns/zone.ts'
import { ManifestSource } from '../manifest/source.ts'
import { prepareNodeNetwork } from '../network/pod-network.ts'
import { prepareContainerRoot } from '../pod/container-root.ts'
import { Admission } from './admission.ts'
import { Cluster } from './cluster.ts'
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
    prepareContainerRoot({ path: baseRoot, project: config.project, nodeBinary: config.nodeBinary }),
  ])
  const objects = new ObjectDirectory(
    join(config.stateDirectory, 'objects'),
    join(config.stateDirectory, 'scratch'),
  )
  await objects.prepare()

  const admission = config.admission ? new Admission(config.admission, warn) : undefined
  const cluster = new Cluster({
    node: NODE_NAME,
    baseRoot,
    podDirectory: join(PRIVATE, 'pods'),
    logDirectory: join(config.stateDirectory, 'logs'),
    images: new Map(config.images),
    ipv6,
    objects,
    rules: new ServiceRules(ipv6),
    issueToken: () => Promise.reject(new Error('no token issuer')),
    admit: (pod) => admission?.admit(pod) ?? Promise.resolve(pod),
    warn,
  })
  const dns = await startDns(DNS_ADDRESS, 53, () => cluster.zone)
  const source = new ManifestSource(config.manifestDirectories, { error: warn, warn })
  await cluster.apply(await source.load())
  source.watch((state) => void cluster.apply(state))

  let ready = false
  const reportReady = () => {
    if (ready || !cluster.ready) return
    ready = true
    events.ready()
  }
  cluster.watch(reportReady)
  reportReady()
  const control = await startControl(join(config.stateDirectory, 'control.sock'), {
    cluster,
    stateDirectory: config.stateDirectory,
    status: () => clusterStatus(config.name, cluster.ready, cluster, messages),
    down: () => events.down(),
  })
  return {
    expose(server, target) {
      server.on('connection', (socket) => {
        const [host = '', port = ''] = target.split(':')
        const records = cluster.zone.get(`${host}.svc.${CLUSTER_DOMAIN}`) ?? []
        const address = records.find((record) => record.type === 'A')
        socket.on('error', () => {})
        if (address?.type !== 'A') {
          socket.destroy()
          return
        }
        const upstream = connect({ host: address.address, port: Number(port), noDelay: true })
        upstream.on('error', () => socket.destroy())
        socket.on('close', () => upstream.destroy())
        upstream.on('close', () => socket.destroy())
        socket.setNoDelay(true)
        socket.pipe(upstream).pipe(socket)
      })
    },
    async close() {
      source.close()
      await cluster.close(CLOSE_GRACE_SECONDS).catch((error: unknown) => warn(describeError(error)))
      dns.close()
      await control.close()
    },
  }
}
