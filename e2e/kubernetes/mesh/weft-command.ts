import { join } from 'node:path'
import { runCommand } from '../../../local/node/run-command.ts'

const PROGRAM = join(import.meta.dirname, '../../../cli/weft.ts')

export interface Finding {
  readonly check: string
  readonly status: string
  readonly message: string
}

/** `weft` with --json, as a person with a kubeconfig runs it. Throws when it gives no result, with what it said. */
export async function weftCommand(
  kubeconfig: string,
  ...argv: readonly string[]
): Promise<{ readonly code: number; readonly result: unknown }> {
  const { code, stdout, stderr } = await runCommand(
    [process.execPath, PROGRAM, ...argv, '--json', '--kubeconfig', kubeconfig],
    { timeoutMs: 120_000 },
  )
  if (stdout === '') throw new Error(`weft ${argv.join(' ')} (${code}): ${stderr.trim()}`)
  return { code, result: JSON.parse(stdout) as unknown }
}

/** What a healthy mesh should not hear of `weft check`. Plaintext callers are nothing wrong of a mesh that takes plaintext. */
export function wrongFindings(findings: readonly Finding[]): readonly Finding[] {
  return findings.filter(
    ({ check, status }) => status !== 'ok' && (check !== 'plaintext' || status !== 'warning'),
  )
}
