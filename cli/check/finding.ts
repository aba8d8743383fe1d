import { KubernetesError } from '../../control-plane/kubernetes/api-error.ts'
import type { ClusterSession, Outcome } from '../cluster/command.ts'

/** What a check saw. `unknown`: it may not look, which is no failure of the mesh. */
export interface Finding {
  readonly check: string
  readonly status: 'ok' | 'warning' | 'failed' | 'unknown'
  readonly message: string
}

export interface Check {
  readonly name: string
  run(session: ClusterSession): Promise<readonly Omit<Finding, 'check'>[]>
}

export const ok = (message: string) => ({ status: 'ok', message }) as const
export const warning = (message: string) => ({ status: 'warning', message }) as const
export const failed = (message: string) => ({ status: 'failed', message }) as const
export const unknown = (message: string) => ({ status: 'unknown', message }) as const

const MARKS: Readonly<Record<Finding['status'], string>> = {
  ok: 'ok      ',
  warning: 'warning ',
  failed: 'FAILED  ',
  unknown: 'unknown ',
}

/** Makes all checks, one after the other. A cluster that gives no answer ends them: throws its KubernetesError. */
export async function runChecks(checks: readonly Check[], session: ClusterSession): Promise<Outcome> {
  const findings: Finding[] = []
  for (const check of checks) {
    const { name } = check
    try {
      findings.push(...(await check.run(session)).map((one) => ({ check: name, ...one })))
    } catch (error) {
      if (!(error instanceof KubernetesError) || error.status === 0 || error.status === 401) throw error
      findings.push({ check: name, ...unknown(error.message) })
    }
  }
  const bad = findings.filter(({ status }) => status === 'failed').length
  const lines = findings.map(({ check, status, message }) => `${MARKS[status]} ${check}: ${message}\n`)
  const end = bad === 0 ? 'Nothing is wrong that these checks can see.\n' : `${bad} of them failed.\n`
  return { text: `${lines.join('')}${end}`, json: { good: bad === 0, findings }, good: bad === 0 }
}

/** `a, b, c and 7 more` */
export function someOf(names: readonly string[], most = 5): string {
  const shown = names.slice(0, most).join(', ')
  return names.length > most ? `${shown} and ${names.length - most} more` : shown
}
