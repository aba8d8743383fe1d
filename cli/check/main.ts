import { CLUSTER_FLAGS_HELP, runClusterCommand } from '../cluster/command.ts'
import { deployments } from './deployments.ts'
import { runChecks, type Check } from './finding.ts'
import { gatewayApi } from './gateway-api.ts'
import { leader } from './leader.ts'
import { leftovers } from './leftovers.ts'
import { permissions } from './permissions.ts'
import { podSecurity } from './pod-security.ts'
import { pods } from './pods.ts'
import { routes } from './routes.ts'
import { runtime } from './runtime.ts'
import { serverVersion } from './server-version.ts'
import { bundles, roots } from './trust.ts'
import { injection, webhook } from './webhook.ts'

const HELP = `Usage: weft check [--pre] [flags]

Looks at a cluster and says what is wrong. It changes nothing: pods that it asks for are dry runs.
Without --pre, at an installed mesh: Weft's own Deployments, the webhook and its certificate, the Lease, roots and
bundles, routes, pods without a sidecar with one of another version or on a
Node.js without the newest security fixes.

  --pre                  before an installation: Kubernetes' version, permissions, Gateway API, leftovers, and whether
                         the labelled namespaces take pods with a sidecar
  -n, --namespace NAME   only this namespace of the mesh
${CLUSTER_FLAGS_HELP}
With --json: {good, findings: [{check, status: ok | warning | failed | unknown, message}]}.
Exit code: 0 nothing failed, 1 something did or the cluster could not be asked, 2 wrong flags.
`

const BEFORE: readonly Check[] = [serverVersion, permissions, gatewayApi, leftovers, podSecurity]
const INSTALLED: readonly Check[] = [
  serverVersion,
  gatewayApi,
  deployments,
  webhook,
  injection,
  leader,
  roots,
  bundles,
  podSecurity,
  routes,
  pods,
  runtime,
]

/** `weft check`. Resolves to the exit code. */
export function runCheck(argv: readonly string[]): Promise<number> {
  return runClusterCommand(
    {
      name: 'check',
      help: HELP,
      flags: ['pre'],
      run: (session) => runChecks(session.given.has('pre') ? BEFORE : INSTALLED, session),
    },
    argv,
  )
}
