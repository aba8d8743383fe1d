import { runClusterCommand } from '../cluster/command.ts'
import { CHECK_COMMAND } from './command.ts'
import { deployments } from './deployments.ts'
import { runChecks, type Check } from './finding.ts'
import { gatewayApi } from './gateway-api.ts'
import { issuer } from './issuer.ts'
import { leader } from './leader.ts'
import { leftovers } from './leftovers.ts'
import { permissions } from './permissions.ts'
import { podSecurity } from './pod-security.ts'
import { policies } from './policies.ts'
import { pods } from './pods.ts'
import { routes } from './routes.ts'
import { runtime } from './runtime.ts'
import { serverVersion } from './server-version.ts'
import { bundles, roots } from './trust.ts'
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
  bundles,
  podSecurity,
  routes,
  policies,
  pods,
  runtime,
]

/** `weft check`. Resolves to the exit code. */
export function runCheck(argv: readonly string[]): Promise<number> {
  return runClusterCommand(
    {
      description: CHECK_COMMAND,
      run: (session) => runChecks(session.given.has('pre') ? BEFORE : INSTALLED, session),
    },
    argv,
  )
}
