import { openConnection } from '../../control-plane/kubernetes/open-connection.ts'
import { WeftError } from '../../core/errors.ts'
import { tableText } from '../cluster/table.ts'
import { readInputs, type InputText } from '../inject/read-inputs.ts'
import { runMeshCommand } from '../mesh/mesh-command.ts'
import { objectsOf, trustDomainOf } from '../mesh/mesh-objects.ts'
import { callerOf, countText } from '../policy/suggest/certainty.ts'
import { observedOf, secondsOf } from '../policy/suggest/main.ts'
import { changedMesh, type ChangedMesh } from './changed-mesh.ts'
import { DIFF_COMMAND } from './command.ts'
import { changedResources } from './changed-resources.ts'
import { dryRun, type DryRun } from './dry-run.ts'
import { recordedSpans } from './recorded-spans.ts'
import { replayRoutes } from './replay-routes.ts'
import { dryRunText, resourcesText, routingText } from './routing-text.ts'
import { replay, type ChangedCall, type Replay } from './replay.ts'

const TITLES: Readonly<Record<ChangedCall['change'], string>> = {
  refused: 'newly refused',
  'let-in': 'newly let in',
  unclear: 'unclear',
}

/** `weft diff`. Resolves to the exit code. */
export function runDiff(argv: readonly string[]): Promise<number> {
  return runMeshCommand(DIFF_COMMAND, argv, async (session) => {
    const { values } = session
    const sinceSeconds = secondsOf('--since', values.since)
    const { filename } = values
    if (filename === undefined || filename.length === 0)
      throw new WeftError('cli.flags', 'is required: the manifests to try', { field: '--filename' })
    const texts = await readInputs(filename)
    const api = await session.mesh()
    const changed = changedMesh(await objectsOf(api), texts, {
      trustDomain: await trustDomainOf(api),
      systemNamespace: values['weft-namespace'],
    })
    const { before, after, applied, ignored } = changed
    const taken = api.mesh === 'cluster' ? await triedAt(values, texts) : []
    const resources = changedResources(before, after)
    const view = await observedOf(api, values.namespace, sinceSeconds)
    const found = replay(view, before, after)
    const routing = replayRoutes(await recordedSpans(api, values.namespace, sinceSeconds), before, after)
    const refused = taken.some(({ result }) => result === 'refused')
    const changes = found.changed.length > 0 || routing.changed.length > 0
    return {
      text: `${dryRunText(taken)}${resourcesText(resources)}\n${routingText(routing)}\n${textOf(changed, found)}`,
      json: {
        since: view.since,
        now: view.now,
        applied,
        ignored,
        ...found,
        dryRun: taken,
        resources: resources.resources,
        proxies: resources.proxies,
        routing,
      },
      code: refused ? 1 : changes ? 3 : 0,
    }
  })
}

/** What the API server would say of them. */
async function triedAt(
  { kubeconfig, context }: { readonly kubeconfig: string | undefined; readonly context: string | undefined },
  texts: readonly InputText[],
): Promise<readonly DryRun[]> {
  const connection = await openConnection({ kubeconfig, context })
  try {
    return await dryRun(connection, texts)
  } finally {
    await connection.close()
  }
}

function textOf({ applied, ignored }: ChangedMesh, { changed, kinds, calls, gone }: Replay): string {
  const lines = [
    `applied: ${applied.length === 0 ? 'nothing' : applied.join(', ')}`,
    ...(ignored.length === 0 ? [] : [`of no kind that is tried, and left out: ${ignored.join(', ')}`]),
    `replayed: ${countText(calls, 'call')} of ${countText(kinds, 'kind')}`,
    ...(gone === 0 ? [] : [`not replayed, as no pod of theirs is left: ${countText(gone, 'kind')}`]),
  ]
  const parts = Object.entries(TITLES).map(([change, title]) => {
    const own = changed.filter((one) => one.change === change)
    if (own.length === 0) return `${title}: nobody\n`
    const total = own.reduce((sum, { call }) => sum + call.count, 0)
    const rows = own
      .toSorted((a, b) => b.call.count - a.call.count)
      .map(({ namespace, workload, call, because }) => [
        callerOf(call) === call.source ? call.source : `plaintext, ${callerOf(call)}`,
        `${namespace}/${workload}:${call.port}`,
        [call.protocol === 'http' ? '' : call.protocol, call.method, call.path].filter(Boolean).join(' '),
        String(call.count),
        new Date(call.last).toISOString().slice(0, 19),
        because,
      ])
    return `${title}: ${countText(total, 'call')} of ${countText(own.length, 'kind')}\n${tableText(
      ['FROM', 'TO', 'CALL', 'COUNT', 'LAST (UTC)', 'WHY'],
      rows,
    )}`
  })
  return `${lines.join('\n')}\n\n${parts.join('\n')}`
}
