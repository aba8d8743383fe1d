import { WeftError } from '../../core/errors.ts'
import { isLookalike } from '../../core/folded-name.ts'
import type { Leaf } from '../../core/authorization/leaf.ts'
import type { TargetsView, WorkloadAuthorizationView } from '../../control-plane/authorization-view.ts'
import { runMeshCommand } from '../mesh/mesh-command.ts'
import { POLICY_TEST_COMMAND } from './command.ts'
import { decideAt, letIn, type Arrival, type PodVerdict } from './decide.ts'
import { meshPolicies, type PolicySource } from './policy-source.ts'
import { readQuestion, type Question } from './question.ts'
import { verdictText } from './verdict-text.ts'

const NO_SIDECAR = 'it has no sidecar: nobody decides'

/** It would be refused, by one of the pods at least. */
const REFUSED = 3

/** `weft policy test`. Resolves to the exit code. */
export function runPolicyTest(argv: readonly string[]): Promise<number> {
  return runMeshCommand(POLICY_TEST_COMMAND, argv, async ({ values, positionals, given, mesh }) => {
    const question = readQuestion(values, positionals[0], given)
    const files = values.filename ?? []
    const source = files.length > 0 ? await ofFiles(files) : meshPolicies(await mesh())
    const pods = await verdicts(source, question)
    const undecided = pods.find(({ verdict }) => verdict === 'unknown')
    if (undecided && !values.json)
      throw new WeftError('policy.unknown', `${verdictText(undecided).trimEnd()}\n${missing(undecided)}`)
    const refused = pods.filter(({ verdict }) => verdict === 'refused').length
    const verdict = undecided
      ? 'unknown'
      : refused === 0
        ? 'allowed'
        : refused === pods.length
          ? 'refused'
          : 'differs'
    const told = pods.map(verdictText).join('')
    return {
      text: verdict === 'differs' ? `the pods differ: ${refused} of ${pods.length} refuse it\n${told}` : told,
      json: { verdict, request: requestOf(question), pods },
      code: undecided ? 1 : refused > 0 ? REFUSED : 0,
    }
  })
}

/** The translation of manifests is loaded only where it is asked for. */
async function ofFiles(files: readonly string[]): Promise<PolicySource> {
  const { filePolicies } = await import('./file-policies.ts')
  return filePolicies(files)
}

/** What to say so that it can be decided. */
function missing({ explanation }: PodVerdict): string {
  const asked = explanation?.dependsOn ?? []
  const host = asked.some((line) => line.startsWith('host '))
  const address = asked.some((line) => line.startsWith('the source address '))
  const flags = [
    ...(host ? ['--host HOST'] : []),
    ...(address ? ['--source-ip ADDRESS, or the pod in --from'] : []),
  ]
  return `say ${flags.join(' and ')}`
}

/** Of each pod behind the target. Throws WeftError `policy.no_target` where there is none. */
async function verdicts(source: PolicySource, question: Question): Promise<PodVerdict[]> {
  const { namespace, name, port } = question.target
  const found = await source.targets(namespace, name, port)
  if (found.targets.length === 0) throw noTarget(question.target, found)
  const caller = await callerFacts(source, question)
  const views = await Promise.all(
    found.targets.map(async (target) => {
      const view =
        target.meshed && target.pod !== '' ? await source.workload(target.namespace, target.pod) : undefined
      return view
        ? decideAt(view, arrivalAt(view, question, caller, target))
        : letIn(
            target.pod === '' ? target.address : `${target.namespace}/${target.pod}`,
            target.port,
            NO_SIDECAR,
          )
    }),
  )
  return views
}

interface CallerFacts {
  /** Given the trust domain of the mesh. */
  readonly identity: (trustDomain: string) => string
  readonly address: string
}

async function callerFacts(source: PolicySource, question: Question): Promise<CallerFacts> {
  const { caller, plaintext, sourceAddress } = question
  if (caller.kind === 'identity') return { identity: () => caller.id, address: sourceAddress ?? '' }
  const { namespace, account, pod } = caller
  const own = (trustDomain: string) =>
    plaintext ? '' : `spiffe://${trustDomain}/ns/${namespace}/sa/${account}`
  if (pod === undefined) return { identity: own, address: sourceAddress ?? '' }
  const view = await source.workload(namespace, pod)
  if (!view)
    throw new WeftError(
      'policy.no_caller',
      `there is no pod ${namespace}/${pod} with a sidecar; name its address by --source-ip`,
      {
        field: '--from',
      },
    )
  if (view.identity !== own(view.trustDomain) && !plaintext)
    throw new WeftError(
      'policy.no_caller',
      `pod ${namespace}/${pod} is not of that account: it is ${view.identity}`,
      {
        field: '--from',
      },
    )
  return { identity: own, address: sourceAddress ?? view.addresses[0] ?? '' }
}

function arrivalAt(
  view: WorkloadAuthorizationView,
  { http, sni, plaintext }: Question,
  { identity, address }: CallerFacts,
  target: TargetsView['targets'][number],
): Arrival {
  const unknown: Leaf['kind'][] = [
    ...(address === '' ? (['source-ip'] as const) : []),
    ...(http && http.host === undefined ? (['host'] as const) : []),
  ]
  return {
    identity: plaintext ? '' : identity(view.trustDomain),
    sourceAddress: address,
    destinationAddress: target.address,
    port: target.port,
    sni,
    request: http && {
      method: http.method,
      authority: http.host ?? '',
      path: http.path,
      values: (name) => http.headers.get(name) ?? [],
      lookalikes: (name) =>
        [...http.headers].flatMap(([field, values]) => (isLookalike(field, name) ? values : [])),
      claims: http.claims,
    },
    unknown: new Set(unknown),
  }
}

function noTarget({ namespace, name, port }: Question['target'], { kind, ports }: TargetsView): WeftError {
  const where = `${namespace}/${name}`
  const message =
    kind === 'none'
      ? `there is neither a Service ${where} nor a pod of this name with a sidecar`
      : ports.includes(port)
        ? `no pod is behind Service ${where} at port ${port}`
        : `Service ${where} has no port ${port}; it has ${ports.join(', ')}`
  return new WeftError('policy.no_target', message, { field: '--to' })
}

/** What was asked, with what was assumed. */
function requestOf({ caller, target, http, plaintext, sni, sourceAddress }: Question): object {
  const { namespace, name, port } = target
  return {
    from:
      caller.kind === 'identity'
        ? caller.id
        : `${caller.namespace}/${caller.account}${caller.pod ? `@${caller.pod}` : ''}`,
    to: `${namespace}/${name}:${port}`,
    plaintext,
    sourceAddress: sourceAddress ?? null,
    ...(http
      ? {
          method: http.method,
          path: http.path,
          host: http.host ?? null,
          headers: Object.fromEntries(http.headers),
          claims: http.claims ?? null,
        }
      : { sni }),
  }
}
