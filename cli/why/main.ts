import type { Coverage } from '../../core/api/coverage.ts'
import { WeftError } from '../../core/errors.ts'
import type { Leaf } from '../../core/authorization/leaf.ts'
import type { WorkloadAuthorizationView } from '../../control-plane/authorization-view.ts'
import type { RefusalView } from '../../control-plane/serve/telemetry/decision-store.ts'
import { tellMissing } from '../mesh/coverage-text.ts'
import { coveredPage } from '../mesh/covered-page.ts'
import type { MeshApi } from '../mesh/mesh-api.ts'
import { runMeshCommand } from '../mesh/mesh-command.ts'
import { readTraceId } from '../mesh/trace-id.ts'
import { decideAt, type Arrival, type PodVerdict } from '../policy/decide.ts'
import { meshPolicies } from '../policy/policy-source.ts'
import { verdictText } from '../policy/verdict-text.ts'
import { WHY_COMMAND } from './command.ts'

/** A refusal, and what the rules of now say to the same. */
export interface Explained {
  readonly refusal: RefusalView
  readonly now: PodVerdict | null
}

/** Nobody records them. */
const NEVER_TOLD: readonly Leaf['kind'][] = ['header', 'claim']

/** `weft why`. Resolves to the exit code. */
export function runWhy(argv: readonly string[]): Promise<number> {
  return runMeshCommand(WHY_COMMAND, argv, async ({ positionals, mesh }) => {
    const reference = readTraceId(positionals[0] ?? '', 'ID')
    const api = await mesh()
    const explained = await explainRefusals(api, reference)
    return { text: explained.map(whyText).join('\n'), json: { reference, refusals: explained }, code: 0 }
  })
}

/** Each refusal under a reference with what the rules of now say to it. Throws WeftError `why.unknown` where none is known. */
export async function explainRefusals(api: MeshApi, reference: string): Promise<readonly Explained[]> {
  const found = await refusalsOf(api, reference)
  if (found.length === 0)
    throw new WeftError(
      'why.unknown',
      `no refusal ${reference} is known: it may be too old, not told yet (sidecars report every few seconds), one of more ` +
        'than ten a second of its pod, or refused by something other than a policy',
    )
  const policies = meshPolicies(api)
  const explained: Explained[] = []
  for (const refusal of found) {
    const view = await policies.workload(refusal.to.namespace, refusal.to.pod)
    explained.push({ refusal, now: view ? decideAt(view, arrivalOf(refusal, view)) : null })
  }
  return explained
}

/** The oldest first. */
async function refusalsOf(api: MeshApi, reference: string): Promise<RefusalView[]> {
  const { coverage, refusals } = await coveredPage<Refusals>(api, 'authorization/decisions', { reference })
  tellMissing(coverage)
  return refusals.toSorted((a, b) => a.time - b.time)
}

/** `/api/authorization/decisions` */
interface Refusals {
  readonly coverage: Coverage
  readonly refusals: readonly RefusalView[]
}

function arrivalOf(refusal: RefusalView, { addresses }: WorkloadAuthorizationView): Arrival {
  const { from, to, protocol, method, path, host, sni } = refusal
  const http = protocol !== 'tcp'
  const unknown: Leaf['kind'][] = [
    ...(http ? NEVER_TOLD : []),
    ...(from.address === '' ? (['source-ip'] as const) : []),
    ...(http && host === '' ? (['host'] as const) : []),
  ]
  return {
    identity: from.identity,
    sourceAddress: from.address,
    destinationAddress: to.address || (addresses[0] ?? ''),
    port: to.port,
    sni,
    request: http ? { method, authority: host, path, values: () => [], claims: undefined } : undefined,
    unknown: new Set(unknown),
  }
}

function whyText({ refusal, now }: Explained): string {
  const { from, to, protocol, method, path, host, sni, dryRun, rule, time } = refusal
  const caller = from.identity === '' ? 'a caller without an identity (plaintext)' : from.identity
  const address = from.address === '' ? '' : `, from ${from.address}`
  const what =
    protocol === 'tcp'
      ? `a connection${sni === '' ? '' : ` to ${sni}`}`
      : `${method} ${path}${host === '' ? '' : ` of ${host}`}`
  const by = rule === '' ? 'because no rule let it in' : `by the rule ${rule}`
  const lines = [
    `${new Date(time).toISOString()} ${to.namespace}/${to.pod}, port ${to.port}, ${dryRun ? 'would have refused' : 'refused'} ${what}`,
    `  caller: ${caller}${address}`,
    `  ${dryRun ? 'in a dry run, ' : ''}${by}`,
  ]
  const head = lines.map((line) => `${line}\n`).join('')
  if (!now) return `${head}the pod is gone: what holds for it is not known any more\n`
  const changed =
    now.verdict === 'allowed' && !dryRun ? 'policies have changed since: it would be let in now\n' : ''
  return `${head}${changed}by the rules in force now, ${verdictText(now)}`
}
