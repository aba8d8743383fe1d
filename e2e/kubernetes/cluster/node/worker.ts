import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { mustRun, runCommand } from '../../../../local/node/run-command.ts'
import { SYSTEM_PATH } from '../../../../local/requirements.ts'
import { NODE_ADDRESS, NODE_NAME } from '../addresses.ts'
import type { InsideConfig } from '../messages.ts'
import {
  containerdConfig,
  CNI_DIRECTORY,
  cniConfig,
  CONTAINERD_SOCKET,
  kubeletConfig,
  proxyConfig,
} from './worker-config.ts'
import type { ApiProbe } from './control-plane.ts'
import { untilTrue, type Daemon } from './daemon.ts'

const START_LIMIT = 120_000
const COREDNS_READY = '/apis/apps/v1/namespaces/kube-system/deployments/coredns'

type MakeDaemon = (name: string, args: readonly string[]) => Daemon
type Finish = (probe: ApiProbe, after: (what: string) => void) => Promise<void>

/**
 * Starts containerd and gives it its images, while the API server starts. What it resolves to starts the kubelet and
 * kube-proxy and resolves when the node and the cluster's DNS are ready.
 */
export async function startWorker(config: InsideConfig, daemon: MakeDaemon): Promise<Finish> {
  const { state, directories } = config
  const env = { PATH: [...directories, SYSTEM_PATH].join(':'), HOME: '/run/home' }
  for (const path of [CNI_DIRECTORY, '/run/etc/containerd']) mkdirSync(path, { recursive: true })
  const write = (path: string, text: string) => {
    writeFileSync(path, text)
    return path
  }
  write(join(CNI_DIRECTORY, '10-pods.conflist'), cniConfig())
  const containerd = write('/run/etc/containerd/config.toml', containerdConfig(directories))
  daemon('containerd', ['--config', containerd]).start()
  const ctr = ['ctr', '--address', CONTAINERD_SOCKET, '--namespace', 'k8s.io']
  await untilTrue(
    'containerd',
    START_LIMIT,
    async () => (await runCommand([...ctr, 'version'], { env })).code === 0,
  )
  await mustRun([...ctr, 'images', 'import', join(state, 'images', 'own.tar')], { env })

  return async (probe, after) => {
    const kubelet = write(
      '/run/etc/kubelet.yaml',
      kubeletConfig(join(state, 'pki'), join(state, 'resolv.conf'), join(state, 'log', 'pods')),
    )
    daemon('kubelet', [
      `--config=${kubelet}`,
      `--kubeconfig=${join(state, 'kubeconfig', 'kubelet')}`,
      '--root-dir=/var/lib/kubelet',
      `--hostname-override=${NODE_NAME}`,
      `--node-ip=${NODE_ADDRESS}`,
    ]).start()
    const proxy = write('/run/etc/kube-proxy.yaml', proxyConfig(join(state, 'kubeconfig', 'kube-proxy')))
    daemon('kube-proxy', [`--config=${proxy}`]).start()
    const manifests = new URL('../manifests/', import.meta.url).pathname
    const kubectl = ['kubectl', '--kubeconfig', join(state, 'kubeconfig', 'inside')]
    await mustRun([...kubectl, 'apply', '--filename', manifests], { env })
    await untilTrue('the node', START_LIMIT, async () =>
      conditionHolds(await probe.body(`/api/v1/nodes/${NODE_NAME}`), 'Ready'),
    )
    after('node ready')
    await untilTrue('the cluster DNS', START_LIMIT, async () =>
      conditionHolds(await probe.body(COREDNS_READY), 'Available'),
    )
    after('DNS ready')
  }
}

function conditionHolds(object: string | undefined, type: string): boolean {
  if (object === undefined) return false
  const { status } = JSON.parse(object) as { status?: { conditions?: { type: string; status: string }[] } }
  return status?.conditions?.some((one) => one.type === type && one.status === 'True') ?? false
}
