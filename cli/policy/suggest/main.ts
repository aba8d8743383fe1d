import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ObservedView } from '../../../control-plane/serve/telemetry/observed-view.ts'
import { durationMs } from '../../../core/duration.ts'
import { describeError, WeftError } from '../../../core/errors.ts'
import type { MeshApi } from '../../mesh/mesh-api.ts'
import { runMeshCommand, type Told } from '../../mesh/mesh-command.ts'
import { readObserved } from '../observed.ts'
import { POLICY_SUGGEST_COMMAND } from './command.ts'
import { suggestPolicies, type Suggestion } from './suggest.ts'
import { FIRST_LINE, suggestionsJson, suggestionsText } from './suggestion-text.ts'

const LONGEST_MS = 24 * 3_600_000
const DNS_LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/

/** `weft policy suggest`. Resolves to the exit code. */
export function runPolicySuggest(argv: readonly string[]): Promise<number> {
  return runMeshCommand(POLICY_SUGGEST_COMMAND, argv, async (session) => {
    const { values, given } = session
    const sinceSeconds = secondsOf('--since', values.since)
    for (const [field, name] of [
      ['--namespace', values.namespace],
      ['--service', values.service],
    ] as const)
      if (name !== undefined && !DNS_LABEL.test(name))
        throw new WeftError('cli.flags', `"${name}" is no name of such an object`, { field })
    const api = await session.mesh()
    const namespace = values.namespace ?? api.namespace
    const view = await observedOf(api, namespace, sinceSeconds)
    const dryRun = given.has('dry-run')
    const suggestions = suggestPolicies(view, { namespace, service: values.service, dryRun })
    if (suggestions.length === 0)
      throw new WeftError(
        'policy.no_workload',
        values.service === undefined
          ? `namespace ${namespace} has no pods with a sidecar, and none told what it saw`
          : `no pod with a sidecar is behind a Service ${namespace}/${values.service}`,
      )
    return told(view, suggestions, values.write)
  })
}

function told(view: ObservedView, suggestions: readonly Suggestion[], directory: string | undefined): Told {
  const files = directory === undefined ? undefined : written(view, suggestions, directory)
  const code = suggestions.some(({ policies }) => policies.length > 0) ? 0 : 1
  if (code === 1) process.stderr.write('nothing was seen that a policy could allow; the reasons follow\n')
  return {
    text: files?.map((file) => `${file}\n`).join('') ?? suggestionsText(view, suggestions),
    json: { ...suggestionsJson(view, suggestions), ...(files && { files }) },
    code,
  }
}

/** `readObserved`, with what a person should know of it on stderr. */
export async function observedOf(
  api: MeshApi,
  namespace: string | undefined,
  sinceSeconds: number,
): Promise<ObservedView> {
  process.stderr.write(
    `asking the control planes of the ${api.mesh === 'local' ? 'mesh on this machine' : 'cluster'}\n`,
  )
  const { coverage, ...view } = await readObserved(api, namespace, sinceSeconds)
  for (const { replica, reason } of coverage.missing)
    process.stderr.write(`${replica} could not be asked, and may know of more calls: ${reason}\n`)
  const kinds = view.workloads.reduce((sum, { calls }) => sum + calls.length, 0)
  process.stderr.write(`${kinds} kinds of calls to ${view.workloads.length} workloads were seen\n`)
  return view
}

/** Seconds of a duration of a flag, from 1 to those of a day. Throws WeftError `cli.flags`. */
export function secondsOf(field: string, text: string): number {
  const ms = durationMs(text)
  if (ms === undefined || ms < 1000 || ms > LONGEST_MS)
    throw new WeftError('cli.flags', `"${text}" must be a duration such as 90m or 24h, from 1s to 24h`, {
      field,
    })
  return Math.ceil(ms / 1000)
}

/** A file for each workload; one that somebody else wrote is left alone. Throws WeftError `cli.flags`. */
function written(view: ObservedView, suggestions: readonly Suggestion[], directory: string): string[] {
  const files = suggestions
    .filter(({ policies }) => policies.length > 0)
    .map((one) => ({
      path: join(directory, `${one.policies[0]?.metadata.name}.yaml`),
      text: suggestionsText(view, [one]),
    }))
  try {
    mkdirSync(directory, { recursive: true })
    for (const { path } of files)
      if (existsSync(path) && !readFileSync(path, 'utf8').startsWith(FIRST_LINE))
        throw new WeftError('cli.flags', `${path} is there and not of this command: move it away`, {
          field: '--write',
        })
    for (const { path, text } of files) writeFileSync(path, text)
  } catch (error) {
    if (error instanceof WeftError) throw error
    throw new WeftError('policy.write', `cannot write to ${directory}: ${describeError(error)}`, {
      cause: error,
    })
  }
  return files.map(({ path }) => path)
}
