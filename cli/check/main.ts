import { runClusterCommand, type ClusterSession, type Outcome } from '../cluster/command.ts'
import { CHECK_COMMAND } from './command.ts'
import { deployments } from './deployments.ts'
import { runChecks, type Check } from './finding.ts'
import { gatewayApi } from './gateway-api.ts'
import { issuer } from './issuer.ts'
import { leader } from './leader.ts'
import { leftovers } from './leftovers.ts'
import { permissions } from './permissions.ts'
import { plaintext } from './plaintext.ts'
import { podSecurity } from './pod-security.ts'
import { policies } from './policies.ts'
import { pods } from './pods.ts'
import { renewalCheck } from './renewal.ts'
import { routes } from './routes.ts'
import { runtime } from './runtime.ts'
import { serverVersion } from './server-version.ts'
import { servingCheck } from './serving.ts'
import { bundles, issuingCa, roots } from './trust.ts'
import { injection, webhook } from './webhook.ts'

const BEFORE: readonly Check[] = [serverVersion, permissions, gatewayApi, leftovers, podSecurity]
const INSTALLED: readonly Check[] = [
  serverVersion,
  gatewayApi,
  deployments,
  webhook,
  injection,
  leader,
  issuer,
  roots,
  issuingCa,
  servingCheck(),
  bundles,
  podSecurity,
  routes,
  policies,
  pods,
  renewalCheck(),
  plaintext,
  runtime,
]

/** What `weft check` says of a mesh that is installed. Throws the KubernetesError of a cluster that gives no answer. */
export function checkInstalled(session: ClusterSession): Promise<Outcome> {
  return runChecks(INSTALLED, session)
}

/** `weft check`. Resolves to the exit code. */
export function runCheck(argv: readonly string[]): Promise<number> {
  return runClusterCommand(
    {
      description: CHECK_COMMAND,
      run: (session) => (session.given.has('pre') ? runChecks(BEFORE, session) : checkInstalled(session)),
    },
    argv,
  )
}
