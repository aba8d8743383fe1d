import type { ClusterSession } from '../../cluster/command.ts'

/** `weft check` without flags, at a cluster by this connection. */
export function sessionAt(connection: ClusterSession['connection']): ClusterSession {
  return {
    connection,
    system: 'weft-system',
    namespace: undefined,
    kubeconfig: undefined,
    context: undefined,
    positionals: [],
    given: new Set<string>(),
  }
}
