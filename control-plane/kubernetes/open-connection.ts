import { WeftError } from '../../core/errors.ts'
import type { KubernetesConnection } from './connection.ts'
import type { Credentials } from './credentials.ts'
import { HttpConnection } from './http-connection.ts'
import { inClusterCredentials, isInCluster } from './in-cluster.ts'
import { kubeconfigCredentials, kubeconfigFiles } from './kubeconfig.ts'

export interface ConnectionOptions {
  /** --kubeconfig */
  readonly kubeconfig?: string | undefined
  /** --context */
  readonly context?: string | undefined
}

/** A connection with configuredCredentials. Nothing is sent yet. */
export async function openConnection(options: ConnectionOptions = {}): Promise<KubernetesConnection> {
  return new HttpConnection(await configuredCredentials(options))
}

/**
 * With a file or context given, or KUBECONFIG set, what those say; else a pod's own ServiceAccount; else
 * ~/.kube/config.
 * @throws WeftError `kubernetes.kubeconfig` for what is wrong in a file, or when there is none.
 */
export async function configuredCredentials(options: ConnectionOptions): Promise<Credentials> {
  const asked = options.kubeconfig !== undefined || options.context !== undefined || process.env['KUBECONFIG']
  if (!asked && isInCluster()) return inClusterCredentials()
  const files = kubeconfigFiles(options.kubeconfig)
  if (files.length > 0) return kubeconfigCredentials(files, options.context)
  const message =
    'no Kubernetes cluster is configured: give --kubeconfig FILE, set KUBECONFIG, or run in a pod'
  throw new WeftError('kubernetes.kubeconfig', message)
}
