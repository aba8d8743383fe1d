import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A request to the API server, as audit.k8s.io/v1 Event has it. */
export interface AuditEvent {
  readonly stage: string
  readonly verb: string
  readonly user: { readonly username: string }
  readonly requestURI: string
  readonly objectRef?: {
    readonly apiGroup?: string
    readonly resource?: string
    readonly subresource?: string
    readonly namespace?: string
    readonly name?: string
  }
  readonly responseStatus?: { readonly code?: number }
  readonly annotations?: Readonly<Record<string, string>>
}

/** An audit log of what some users ask the API server for. */
export interface Audit {
  readonly apiServerFlags: readonly string[]
  events(): AuditEvent[]
  close(): void
}

const LOG = 'audit.log'

/** `userPrefix`: of user names, `system:serviceaccount:NAMESPACE:`. */
export function openAudit(users: readonly string[]): Audit {
  const directory = mkdtempSync(join(tmpdir(), 'weft-audit-'))
  const policy = {
    apiVersion: 'audit.k8s.io/v1',
    kind: 'Policy',
    // A watch that is allowed says so when it starts, not when it ends.
    omitStages: ['RequestReceived'],
    rules: [{ level: 'Metadata', users }, { level: 'None' }],
  }
  const file = join(directory, 'policy.yaml')
  writeFileSync(file, JSON.stringify(policy))
  return {
    apiServerFlags: [`--audit-policy-file=${file}`, `--audit-log-path=${join(directory, LOG)}`],
    events: () =>
      readFileSync(join(directory, LOG), 'utf8')
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line) as AuditEvent),
    close: () => rmSync(directory, { recursive: true, force: true }),
  }
}
