import { compile, type Decider } from '../../../core/authorization/evaluate.ts'
import type { RequestFacts } from '../../../core/authorization/facts.ts'
import { explain } from '../../../core/authorization/nearest.ts'
import type { Stage } from '../../../core/authorization/rules.ts'
import { foldedName, isLookalike } from '../../../core/folded-name.ts'
import { HttpRbac } from '../../../core/xds/generated/envoy.js'
import type { AuthorizationRecord } from '../../exchange/telemetry-sink.ts'
import { verifiedToken } from '../../exchange/verified-token.ts'
import { fieldValues, type RequestHead } from '../../http/message.ts'
import type { Hop } from '../../model/hop.ts'
import { ResponseFlag } from '../../model/response-flag.ts'
import type { Route } from '../../model/route.ts'
import { parseDestination } from '../../transport/original-destination.ts'
import { deniedDetails, fieldsAsked, noteDecision } from '../rbac/decided.ts'
import { readStage } from '../rbac/read-stage.ts'
import { explanationText } from '../rbac/explanation-text.ts'
import type {
  Audit,
  Authorizes,
  Foreseen,
  RequestStep,
  StepDependencies,
  StepKind,
  Verdict,
} from '../step.ts'

/** envoy.extensions.filters.http.rbac.v3.RBAC */
export interface HttpRbacConfig {
  readonly stage: Stage
  readonly audit: Audit
}

const PERMISSION_DENIED = 7
/** Steps that a connection keeps narrowed rules of: there is one for each action. */
const MOST_NARROWED = 4

/** Who may ask for what. What a caller's connection shows is looked at once, what its requests ask for each time. */
export class HttpRbacStep implements RequestStep {
  readonly authorizes: Authorizes
  readonly headFields: ReadonlySet<string>
  readonly #stage: Stage
  readonly #audit: Audit
  readonly #decider: Decider<RequestFacts>
  readonly #telemetry: StepDependencies['telemetry']
  readonly #facts = new HeadFacts()

  constructor({ stage, audit }: HttpRbacConfig, { telemetry }: Pick<StepDependencies, 'telemetry'>) {
    const asked = fieldsAsked(stage)
    this.authorizes = { byFields: asked.size > 0 }
    this.headFields = new Set([...asked].map(foldedName))
    this.#stage = stage
    this.#audit = audit
    this.#decider = compile([stage], 'request')
    this.#telemetry = telemetry
  }

  decide(hop: Hop, head: RequestHead, _route: Route | undefined, record: AuthorizationRecord): Verdict {
    const facts = this.#facts.of(hop, head)
    const decision = this.#ofConnection(hop, facts).decide(facts)
    noteDecision(record, decision, this.#audit, this.#telemetry, head)
    if (decision.allowed) return undefined
    return {
      kind: 'answer',
      flags: ResponseFlag.UAEX,
      reply: {
        status: 403,
        details: deniedDetails(decision.rule),
        text: `access denied, reference ${record.reference}\n`,
        grpcStatus: PERMISSION_DENIED,
      },
    }
  }

  foresee(hop: Hop, head: RequestHead, route: Route | undefined, record: AuthorizationRecord): Foreseen {
    const verdict = this.decide(hop, head, route, record)
    const said = explanationText(explain([this.#stage], this.#facts.of(hop, head)), this.#stage.action)
    const answer = verdict?.kind === 'answer' ? verdict : undefined
    return { answer, odds: answer ? 1 : 0, said }
  }

  #ofConnection(hop: Hop, facts: RequestFacts): Decider<RequestFacts> {
    const known = (hop.narrowed ??= [])
    for (const { step, decider } of known) if (step === this) return decider
    const decider = this.#decider.narrow(facts)
    // Of rules that are others by now nobody asks any more.
    if (known.length >= MOST_NARROWED) known.shift()
    known.push({ step: this, decider })
    return decider
  }
}

const NONE: readonly never[] = []
const NO_HOP = {} as Hop
const NO_HEAD = {} as RequestHead

/** One for all requests, one after the other: they are decided on at once. */
class HeadFacts implements RequestFacts {
  #hop = NO_HOP
  #head = NO_HEAD

  of(hop: Hop, head: RequestHead): this {
    this.#hop = hop
    this.#head = head
    return this
  }

  get identity(): string {
    return this.#hop.sourceIdentity
  }

  get sourceAddress(): string {
    return parseDestination(this.#hop.downstream).host
  }

  get destinationAddress(): string {
    return this.#hop.destination.host
  }

  get destinationPort(): number {
    return this.#hop.destination.port
  }

  /** TLS that carried a request ended here: the name in it is what its caller wrote, and nobody is asked for by it. */
  get sni(): string {
    return ''
  }

  get method(): string {
    return this.#head.method
  }

  get authority(): string {
    return this.#head.authority
  }

  get path(): string {
    return this.#head.path
  }

  get claims(): Readonly<Record<string, unknown>> | undefined {
    return verifiedToken(this.#head)?.claims
  }

  values(name: string): readonly string[] {
    return fieldValues(this.#head.fields, name)
  }

  lookalikes(name: string): readonly string[] {
    const { fields } = this.#head
    let found: string[] | undefined
    for (let i = 0; i < fields.length; i += 2)
      if (isLookalike(fields[i] as string, name)) (found ??= []).push(fields[i + 1] as string)
    return found ?? NONE
  }
}

export const httpRbac: StepKind<HttpRbac, HttpRbacConfig, RequestStep> = {
  kind: 'envoy.filters.http.rbac',
  type: HttpRbac,
  // It counts nothing, and callers by mutual TLS and in plaintext meet the same rules.
  shared: true,
  read: (message, scope, { audit }) => ({ stage: readStage(message, 'request', scope), audit }),
  create: (config, _name, deps) => new HttpRbacStep(config, deps),
}
