import { join } from 'node:path'
import { DNS_SERVICE_ADDRESS, NODE_ADDRESS, NODE_NAME, POD_NETWORK } from '../addresses.ts'
import { PAUSE_IMAGE } from '../image/own-images.ts'

export const CONTAINERD_SOCKET = '/run/containerd/containerd.sock'
export const CNI_DIRECTORY = '/run/etc/cni'
/** For plugins that are installed while the node runs; the others are among the cluster's programs. */
export const CNI_PROGRAMS = '/run/cni-programs'

/**
 * Pods are joined by routed veth pairs (ptp), not by a bridge: each packet between pods passes the node's routing and so
 * its Service rules, whether or not the kernel shows bridged packets to iptables.
 */
export function cniConfig(): string {
  return JSON.stringify({
    cniVersion: '1.0.0',
    name: 'pods',
    plugins: [
      {
        type: 'ptp',
        ipMasq: false,
        ipam: {
          type: 'host-local',
          dataDir: '/run/cni-addresses',
          ranges: [[{ subnet: POD_NETWORK }]],
          routes: [{ dst: '0.0.0.0/0' }],
        },
      },
      { type: 'portmap', capabilities: { portMappings: true } },
    ],
  })
}

export function containerdConfig(directories: readonly string[]): string {
  const off = [
    'snapshotter.v1.btrfs',
    'snapshotter.v1.zfs',
    'snapshotter.v1.devmapper',
    'snapshotter.v1.blockfile',
    'nri.v1.nri',
  ]
  const cri = 'io.containerd.cri.v1'
  return `version = 3
root = "/var/lib/containerd"
state = "/run/containerd"
disabled_plugins = ${JSON.stringify(off.map((name) => `io.containerd.${name}`))}

[grpc]
address = "${CONTAINERD_SOCKET}"

[plugins."io.containerd.internal.v1.opt"]
path = "/var/lib/containerd-opt"

[plugins."${cri}.images".pinned_images]
sandbox = "${PAUSE_IMAGE}"

[plugins."${cri}.runtime"]
# Without CAP_SYS_RESOURCE runc cannot lower a score, and gives up.
restrict_oom_score_adj = true

[plugins."${cri}.runtime".cni]
bin_dirs = ${JSON.stringify([...directories, CNI_PROGRAMS])}
conf_dir = "${CNI_DIRECTORY}"

[plugins."${cri}.runtime".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

[plugins."${cri}.runtime".containerd.runtimes.runc.options]
SystemdCgroup = false
`
}

export function kubeletConfig(pki: string, resolvConf: string, podLogs: string): string {
  return JSON.stringify({
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: join(pki, 'ca.crt') },
    },
    authorization: { mode: 'Webhook' },
    tlsCertFile: join(pki, 'kubelet.crt'),
    tlsPrivateKeyFile: join(pki, 'kubelet.key'),
    address: NODE_ADDRESS,
    containerRuntimeEndpoint: `unix://${CONTAINERD_SOCKET}`,
    cgroupDriver: 'cgroupfs',
    failCgroupV1: false,
    failSwapOn: false,
    // Lowering it takes CAP_SYS_RESOURCE.
    oomScoreAdj: 0,
    clusterDNS: [DNS_SERVICE_ADDRESS],
    clusterDomain: 'cluster.local',
    // Off by default; a kubelet asks for bundles where a pod projects one.
    featureGates: { ClusterTrustBundle: true, ClusterTrustBundleProjection: true },
    resolvConf,
    podLogsDir: podLogs,
    volumePluginDir: '/var/lib/kubelet-volume-plugins',
    // Everything lies in memory here: a full disk of the machine is not this node's concern.
    localStorageCapacityIsolation: false,
    imageGCHighThresholdPercent: 100,
    evictionHard: { 'memory.available': '100Mi', 'nodefs.available': '0%', 'imagefs.available': '0%' },
    // A test waits for most of these.
    syncFrequency: '10s',
    nodeStatusUpdateFrequency: '2s',
    configMapAndSecretChangeDetectionStrategy: 'Watch',
    registryPullQPS: 0,
  })
}

export function proxyConfig(kubeconfig: string): string {
  return JSON.stringify({
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    mode: 'iptables',
    bindAddress: '0.0.0.0',
    healthzBindAddress: '127.0.0.1:10256',
    metricsBindAddress: '127.0.0.1:10249',
    clientConnection: { kubeconfig },
    clusterCIDR: POD_NETWORK,
    hostnameOverride: NODE_NAME,
    // Settings of the machine's connection tracking: not ours to change.
    conntrack: { maxPerCore: 0, min: 0 },
    iptables: { minSyncPeriod: '100ms', syncPeriod: '10s' },
  })
}
