import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse, stringify } from 'yaml'
import type { KubernetesCluster } from '../cluster/cluster.ts'

/** The path, below `directory`, of a kubeconfig of a ServiceAccount: whoever uses it has its rights alone. */
export async function accountKubeconfig(
  cluster: Pick<KubernetesCluster, 'kubeconfig' | 'kubectl'>,
  directory: string,
  { namespace, name }: { readonly namespace: string; readonly name: string },
): Promise<string> {
  const config = parse(readFileSync(cluster.kubeconfig, 'utf8')) as { users: { user: object }[] }
  const token = (await cluster.kubectl(['create', 'token', name, '-n', namespace])).trim()
  for (const one of config.users) one.user = { token }
  const path = join(directory, `kubeconfig-${namespace}-${name}`)
  writeFileSync(path, stringify(config), { mode: 0o600 })
  return path
}
