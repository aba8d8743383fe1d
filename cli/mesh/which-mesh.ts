import { isInCluster } from '../../control-plane/kubernetes/in-cluster.ts'
import { kubeconfigFiles } from '../../control-plane/kubernetes/kubeconfig.ts'
import { WeftError } from '../../core/errors.ts'

const OF_THIS_MACHINE = ['local', 'name', 'state-dir'] as const
const OF_A_CLUSTER = ['kubeconfig', 'context', 'weft-namespace'] as const

/**
 * Opens the mesh of this machine if one runs, else that of the cluster that kubectl would talk to; a flag of one of the
 * two chooses. `local` throws where none runs. Throws WeftError `cli.flags` where flags of both were given, `mesh.none`
 * where there is neither, and what the two throw.
 */
export async function openEither<T>(
  given: ReadonlySet<string>,
  { local, cluster }: { readonly local: () => Promise<T>; readonly cluster: () => Promise<T> },
): Promise<T> {
  const here = OF_THIS_MACHINE.find((flag) => given.has(flag))
  const there = OF_A_CLUSTER.find((flag) => given.has(flag))
  if (here !== undefined && there !== undefined)
    throw new WeftError(
      'cli.flags',
      `is of the mesh on this machine, --${there} of a cluster: leave one away`,
      { field: `--${here}` },
    )
  if (here !== undefined) return local()
  if (there !== undefined) return cluster()
  const found = await local().then(
    (mesh) => ({ mesh }),
    () => undefined,
  )
  if (found) return found.mesh
  if (kubeconfigFiles(undefined).length === 0 && !isInCluster())
    throw new WeftError(
      'mesh.none',
      'no mesh named weft runs on this machine, and no cluster is configured: start one with `weft local up -f PATH`, or give --kubeconfig FILE',
    )
  return cluster()
}
