import { ADMIN_PORT } from '../../core/contract.ts'
import { WeftError } from '../../core/errors.ts'
import {
  CLUSTER_FLAGS_HELP,
  runClusterCommand,
  type ClusterSession,
  type Outcome,
} from '../cluster/command.ts'
import { openAdminPages } from './admin-page.ts'

const HELP = `Usage: weft config POD [--clusters | --certs | --stats] [flags]

Prints what the sidecar of a pod has from the control plane, as it is in force: listeners, routes, clusters, endpoints.
Its admin page listens on the pod's loopback address only (${ADMIN_PORT}) and is reached by port-forward: that takes the right to
create pods/portforward, and nothing of the pod is run.

  --clusters             its clusters and their endpoints, with their state
  --certs                its certificate: identity, and when it ends
  --stats                its counters, as JSON
  -n, --namespace NAME   of the pod (the context's, else default)
${CLUSTER_FLAGS_HELP}
The page is JSON with and without --json.
Exit code: 0 printed, 1 it could not be asked, 2 wrong flags.
`

const PAGES: Readonly<Record<string, string>> = {
  clusters: '/clusters',
  certs: '/certs',
  stats: '/stats?format=json',
}

/** `weft config POD`. Resolves to the exit code. */
export function runConfig(argv: readonly string[]): Promise<number> {
  return runClusterCommand(
    { name: 'config', help: HELP, flags: Object.keys(PAGES), arguments: 1, run: printPage },
    argv,
  )
}

async function printPage(session: ClusterSession): Promise<Outcome> {
  const { connection, positionals, given } = session
  const [pod] = positionals
  if (pod === undefined) throw new WeftError('cli.flags', 'name a pod: weft config POD')
  if (given.size > 1) throw new WeftError('cli.flags', `choose one of ${[...given].join(', ')}`)
  const [page] = given
  const namespace = session.namespace ?? connection.namespace
  const path = page === undefined ? '/config_dump' : (PAGES[page] ?? '/config_dump')
  const json = await (await openAdminPages(session))({ namespace, pod }, path)
  return { text: `${JSON.stringify(json, undefined, 2)}\n`, json, good: true }
}
