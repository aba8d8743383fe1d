import { compile, type Decider } from '../../../core/authorization/evaluate.ts'
import type { Stage } from '../../../core/authorization/rules.ts'
import { NetworkRbac } from '../../../core/xds/generated/envoy.js'
import type { AuthorizationRecord } from '../../exchange/telemetry-sink.ts'
import { ResponseFlag } from '../../model/response-flag.ts'
import { parseDestination } from '../../transport/original-destination.ts'
import { deniedDetails, noteDecision } from '../rbac/decided.ts'
import { readStage } from '../rbac/read-stage.ts'
import type {
  ArrivedConnection,
  Audit,
  Authorizes,
  ConnectionStep,
  Refusal,
  StepDependencies,
  StepKind,
} from '../step.ts'

/** envoy.extensions.filters.network.rbac.v3.RBAC */
export interface NetworkRbacConfig {
  readonly statPrefix: string
  readonly stage: Stage
  readonly audit: Audit
}

/** Who may connect. Decided before a byte goes on. */
export class NetworkRbacStep implements ConnectionStep {
  readonly authorizes: Authorizes = { byFields: false }
  readonly #audit: Audit
  readonly #decider: Decider
  readonly #telemetry: StepDependencies['telemetry']

  constructor({ stage, audit }: NetworkRbacConfig, { telemetry }: Pick<StepDependencies, 'telemetry'>) {
    this.#audit = audit
    this.#decider = compile([stage], 'connection')
    this.#telemetry = telemetry
  }

  decide(connection: ArrivedConnection, record: AuthorizationRecord): Refusal | undefined {
    const decision = this.#decider.decide({
      identity: connection.sourceIdentity,
      sourceAddress: parseDestination(connection.downstream).host,
      destinationAddress: connection.destinationAddress,
      destinationPort: connection.destinationPort,
      sni: connection.serverName,
    })
    noteDecision(record, decision, this.#audit, this.#telemetry, undefined)
    if (decision.allowed) return undefined
    return { flags: ResponseFlag.UAEX, details: deniedDetails(decision.rule), delayMs: 0, reset: true }
  }
}

export const networkRbac: StepKind<NetworkRbac, NetworkRbacConfig, ConnectionStep> = {
  kind: 'envoy.filters.network.rbac',
  type: NetworkRbac,
  shared: true,
  read: (message, scope, { audit }) => ({
    statPrefix: message.statPrefix ?? '',
    stage: readStage(message, 'connection', scope),
    audit,
  }),
  create: (config, _name, deps) => new NetworkRbacStep(config, deps),
}
