import { readFileSync } from 'node:fs'
import { request, Agent } from 'node:https'
import { join } from 'node:path'
import { API_PORT, ETCD_PORT, NODE_ADDRESS, SERVICE_NETWORK } from '../addresses.ts'

const ETCD = `http://127.0.0.1:${ETCD_PORT}`
const ETCD_PEER = 'http://127.0.0.1:2380'

/** etcd in memory: what it holds ends with the cluster anyway. */
export function etcdArgs(): string[] {
  return [
    '--name=node1',
    '--data-dir=/var/lib/etcd',
    `--listen-client-urls=${ETCD}`,
    `--advertise-client-urls=${ETCD}`,
    `--listen-peer-urls=${ETCD_PEER}`,
    `--initial-advertise-peer-urls=${ETCD_PEER}`,
    `--initial-cluster=node1=${ETCD_PEER}`,
    '--unsafe-no-fsync',
    '--log-level=warn',
  ]
}

export function apiServerArgs(pki: string, more: readonly string[]): string[] {
  const file = (name: string) => join(pki, name)
  return [
    `--etcd-servers=${ETCD}`,
    '--bind-address=0.0.0.0',
    `--secure-port=${API_PORT}`,
    `--advertise-address=${NODE_ADDRESS}`,
    `--tls-cert-file=${file('kube-apiserver.crt')}`,
    `--tls-private-key-file=${file('kube-apiserver.key')}`,
    `--client-ca-file=${file('ca.crt')}`,
    '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
    `--service-account-key-file=${file('service-account.pub')}`,
    `--service-account-signing-key-file=${file('service-account.key')}`,
    `--service-cluster-ip-range=${SERVICE_NETWORK}`,
    '--authorization-mode=Node,RBAC',
    '--enable-admission-plugins=NodeRestriction',
    '--allow-privileged=true',
    '--kubelet-preferred-address-types=InternalIP',
    `--kubelet-client-certificate=${file('admin.crt')}`,
    `--kubelet-client-key=${file('admin.key')}`,
    `--kubelet-certificate-authority=${file('ca.crt')}`,
    // A test that ends it waits for it.
    '--shutdown-delay-duration=0s',
    ...more,
  ]
}

/** Without nodes these will do; each one less is there sooner. */
const API_CONTROLLERS = [
  'namespace-controller',
  'serviceaccount-controller',
  'serviceaccount-token-controller',
  'root-ca-certificate-publisher-controller',
  'clusterrole-aggregation-controller',
  'endpointslice-controller',
  'endpoints-controller',
  'deployment-controller',
  'replicaset-controller',
  'garbage-collector-controller',
]

export function controllerManagerArgs(pki: string, kubeconfig: string, mode: 'api' | 'node'): string[] {
  return [
    ...clientArgs(kubeconfig),
    '--use-service-account-credentials',
    `--service-account-private-key-file=${join(pki, 'service-account.key')}`,
    `--root-ca-file=${join(pki, 'ca.crt')}`,
    `--cluster-signing-cert-file=${join(pki, 'ca.crt')}`,
    `--cluster-signing-key-file=${join(pki, 'ca.key')}`,
    `--service-cluster-ip-range=${SERVICE_NETWORK}`,
    // Pods get their addresses from the node's own range.
    `--controllers=${mode === 'api' ? API_CONTROLLERS.join(',') : '*,-node-ipam-controller'}`,
  ]
}

export function schedulerArgs(kubeconfig: string): string[] {
  return clientArgs(kubeconfig)
}

function clientArgs(kubeconfig: string): string[] {
  return [
    `--kubeconfig=${kubeconfig}`,
    `--authentication-kubeconfig=${kubeconfig}`,
    `--authorization-kubeconfig=${kubeconfig}`,
    '--bind-address=127.0.0.1',
    '--leader-elect=false',
  ]
}

/** Asks the API server as the admin; false for anything but 200. */
export class ApiProbe {
  readonly #agent: Agent

  constructor(pki: string) {
    const read = (name: string) => readFileSync(join(pki, name))
    this.#agent = new Agent({
      ca: read('ca.crt'),
      cert: read('admin.crt'),
      key: read('admin.key'),
      keepAlive: false,
    })
  }

  get(path: string): Promise<boolean> {
    return this.body(path).then((body) => body !== undefined)
  }

  /** The text of an answer with status 200. */
  body(path: string): Promise<string | undefined> {
    const { promise, resolve } = Promise.withResolvers<string | undefined>()
    const sent = request(
      { host: '127.0.0.1', port: API_PORT, path, agent: this.#agent, timeout: 5000 },
      (response) => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (chunk: string) => (text += chunk))
        response.on('end', () => resolve(response.statusCode === 200 ? text : undefined))
        response.on('error', () => resolve(undefined))
      },
    )
    sent.on('timeout', () => sent.destroy())
    sent.on('error', () => resolve(undefined))
    sent.end()
    return promise
  }
}
